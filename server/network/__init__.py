"""Ports and connections: who may connect, and for how long.

``ports.py`` listens, and ``protocol.py`` is one connection. ``connections.py`` limits their number: a connection must
send a request soon, and one without a request gives way to a new one.
"""
