"""Turns what a client wrote into what is spoken: markup, sentences, words, phonemes."""
