"""Who calls, and what they may do.

``caller.py`` has the caller of a request and the scopes of keys.
"""
