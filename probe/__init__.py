"""The prober: asks a running server for speech every minute, listens to it, and reports what it heard as tts_probe_*.

``settings.py`` reads the environment, and ``sentences.py`` has the texts. ``speech_client.py`` asks the server,
``rating.py`` rates how the speech sounds, ``prober.py`` does all of that for each voice, and ``probe_metrics.py``
reports it.
"""

VERSION = "0.1.0"
