"""A discrete-event simulation of servers behind a router, which runs the server's own code in virtual time.

``replica.py`` builds a server's scheduler, admission, cache and fallback chain as the server does, on the event loop
of ``virtual_time.py``. Only what takes time is a model: ``timed_engine.py`` takes as long for a step as was measured
(``step_measurement.py``, ``door_measurement.py``, stored by ``step_times.py``). ``timed_provider.py`` speaks with it,
in the simulation and in real servers (``timed_server.py``). ``balancer.py`` models haproxy, ``fleet.py`` sends arrivals
(``workload.py``) through all of them. ``accuracy.py`` compares the simulation with measurements, ``scale.py`` simulates
large fleets.
"""
