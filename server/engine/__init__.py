"""Runs the Coqui VITS model faster: divided into steps, in a separate process.

In the server: ``client.py`` and ``connection.py`` communicate with that process, ``running.py`` is the process with its
dispatcher, and ``supervisor.py`` replaces it when it is lost. In the process: ``server.py`` answers requests,
``torch_engine.py`` executes steps, ``vits.py``, ``decoder.py`` and ``layers.py`` are the model, ``vocabulary.py`` its
symbols. ``precision.py`` chooses the number format; ``jit.py`` and ``cuda_graphs.py`` replay usual windows without
Python. Both sides speak ``messages.py``.
"""
