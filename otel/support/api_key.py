"""The API key with which our own programs call a ttscope server, from the environment."""

from __future__ import annotations

import os
from pathlib import Path

KEY_VARIABLE = "TTSCOPE_API_KEY"
FILE_VARIABLE = "TTSCOPE_API_KEY_FILE"
"""A file with the key, read at each call: it may come later than the program, and be replaced."""


def authorization() -> dict[str, str]:
    """Returns the header with the key; nothing without a key, or while its file can't be read."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    file = os.environ.get(FILE_VARIABLE, "").strip()
    if not key and file:
        try:
            key = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return {}
    return {"Authorization": f"Bearer {key}"} if key.isascii() and key.isprintable() and key else {}
