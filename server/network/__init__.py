"""Ports and connections: listening, connection limits and timeouts.

``ports.py`` listens. ``protocol.py`` implements one connection: its timeout for a request, and its errors for invalid
HTTP. ``connections.py`` limits their number: at the limit, a new connection displaces an idle one. ``rejections.py``
counts the requests that never reach the application. ``disconnects.py`` notices a client that has gone. ``tls.py``
implements a connection's TLS handshake, and ``certificate.py`` reads the certificate again when its files change.
"""
