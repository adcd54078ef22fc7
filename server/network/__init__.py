"""Ports and connections: listening, connection limits and timeouts.

``ports.py`` listens, and ``protocol.py`` implements one connection and its timeout for a request. ``connections.py``
limits their number: at the limit, a new connection displaces an idle one.
"""
