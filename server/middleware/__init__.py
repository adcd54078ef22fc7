"""What happens to every request, whatever its route.

``gate.py`` gives the request its id, opens and closes its record, and turns every error into an answer. ``hosts.py``
refuses requests that are meant for another host. ``envelope.py`` writes the headers and the error bodies.
"""
