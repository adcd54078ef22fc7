"""The names of OpenAI's own voices, which mean the default voice."""

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
"""A request for one of them gets the default voice, unless an installed voice has the name. A registered one can't."""
