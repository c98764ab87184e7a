"""Loops that call actions without anybody asking."""
