"""The engine as a deployment of Ray Serve, for one machine too few.

``replica.py`` is one replica: the engine with its own schedule and its own metrics (``replica_metrics.py``).
``autoscaling.py`` decides how many there are, ``deployment.py`` describes them to Serve, ``python -m server.ray_serve``
deploys them, and ``local_cluster.py`` starts a cluster on this machine. The server speaks with them by
the provider ray.
"""
