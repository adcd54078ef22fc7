"""Verification: whether a clip says the words of its text, as a speech recogniser hears it.

``recognisers.py`` says which recogniser is installed, and ``backends.py`` has them. ``recogniser.py`` runs one in a
sandboxed process, ``patient_recogniser.py`` at the lowest priority, and ``recognition.py`` asks it. ``spoken_words.py``
and ``word_errors.py`` define the word error rate. ``clip_sampler.py`` recognises a share of the clips beside the
requests, and ``verifier.py`` a clip before it is sent, when the request asks for it.
"""
