"""Whoever can turn an utterance into audio, behind one Protocol."""
