"""Voices on this machine: which there are, and how they get there."""
