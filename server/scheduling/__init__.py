"""The choice of the engine's next step. Nothing here knows torch, so a fake engine of a few lines tests it.

``job.py`` is a request's work: its sentences (``sentence_work.py``), cut into windows by ``windows.py``, and their
audio (``audio_queue.py``). ``schedule.py`` chooses the batch that is due first, ``dispatcher.py`` keeps the engine
busy, and ``throughput.py`` measures its speed. ``engine.py`` has the steps and the engine's Protocol.
"""
