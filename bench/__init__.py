"""Clients that measure a running server from outside: they use HTTP and import nothing from the server."""
