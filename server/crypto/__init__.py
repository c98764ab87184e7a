"""Bytes in, bytes out: the only user of PyNaCl and cryptography."""
