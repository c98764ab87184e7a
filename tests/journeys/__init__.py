"""Whole journeys: real server processes, the device simulator and the SDK over loopback."""
