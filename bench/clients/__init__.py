"""Clients that send load to a server and receive its audio."""
