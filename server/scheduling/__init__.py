"""The scheduler of the engine's steps. Nothing here imports torch, so a fake engine of a few lines can test it.

``job.py`` is a request's work: its sentences (``sentence_work.py``), split into windows by ``windows.py``, and their
audio (``audio_queue.py``). ``schedule.py`` chooses the next batch by deadline, ``dispatcher.py`` keeps the engine busy,
and ``throughput.py`` measures its speed. ``engine.py`` defines the steps and the engine's Protocol.
"""
