"""The middleware that handles every request, whatever its route.

``gate.py`` assigns the request id, opens and closes the record, and turns every error into a response. The others run
inside it and reject a request by raising a SpeechError: ``hosts.py`` rejects requests for other hosts, ``origins.py``
those of web pages that may not call the server, ``authentication.py`` those without a valid key, ``client_limits.py``
those of clients over their limits. ``expectation.py`` asks for the body once they all have passed.
``matched_route.py`` tells them which route a request has matched.

``audited_requests.py`` and ``audited_changes.py`` write refusals and changes to the audit log.
``envelope.py`` writes the common headers and the error bodies, ``strict_transport.py`` the header that makes browsers
use https.
"""
