"""compose.yaml with a real Docker engine: run by `make test-compose`, since it takes a quarter of an hour.

``engine.py`` finds a Docker engine or starts one, ``images.py`` gets the images, ``project.py`` runs Compose.
"""
