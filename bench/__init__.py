"""Clients that measure a running server from outside: they speak HTTP only and import nothing of the server's."""
