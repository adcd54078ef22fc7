"""The voices installed on this machine, and the recordings that clients register.

``catalogue.py`` finds the installed voices, each described by its ``manifest.py``. ``install.py`` installs them, from a
download (``download.py``), a checkpoint (``checkpoint.py``, ``speakers.py``) or a piper voice (``piper.py``).
``recordings.py`` stores what clients register. ``python -m server.voices`` lists, installs and adds voices.
"""
