"""The names of OpenAI's own voices, which stand for the default voice."""

from __future__ import annotations

ALIASES = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
"""Whoever asks for one hears the default voice, unless an installed voice is called so. No registered one can be."""
