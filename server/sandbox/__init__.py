"""Sandboxed processes for native code that reads what clients send: a crash ends one of them, never the server."""
