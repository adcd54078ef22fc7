"""The API key for a server that needs one, from the environment."""

from __future__ import annotations

import os
from pathlib import Path


def authorization() -> dict[str, str]:
    """Returns the header with the key of TTSCOPE_API_KEY, or of the file that TTSCOPE_API_KEY_FILE names; nothing
    without either. Raises OSError if there is no such file."""
    key, file = os.environ.get("TTSCOPE_API_KEY", ""), os.environ.get("TTSCOPE_API_KEY_FILE", "")
    if not key and file:
        key = Path(file).read_text(encoding="utf-8")
    return {"Authorization": f"Bearer {key.strip()}"} if key else {}
