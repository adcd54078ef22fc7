"""The Coqui VITS model made fast: taken apart into steps, in a process of its own.

In the server: ``client.py`` and ``connection.py`` reach that process, ``running.py`` is the process with its
dispatcher, and ``supervisor.py`` replaces it when it is lost. In the process: ``server.py`` answers,
``torch_engine.py`` executes steps, ``vits.py``, ``decoder.py`` and ``layers.py`` are the model, ``vocabulary.py`` its
symbols. ``precision.py`` chooses the number format; ``jit.py`` and ``cuda_graphs.py`` replay usual windows without
Python. Both sides speak ``messages.py``.
"""
