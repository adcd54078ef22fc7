"""Ports and connections: who may connect, for how long, and under which host names."""
