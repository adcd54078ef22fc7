"""The speech endpoints: which of them the path of a request means."""

from __future__ import annotations

import re
from collections.abc import Iterable

_VARIABLE = re.compile(r"\\\{\w+\\\}")
"""Matches a variable part of a path that has been escaped for a regular expression."""


class Endpoints:
    """Paths as routes define them, some with the names of variable parts in braces."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._paths = frozenset(paths)
        self._patterns = {
            path: re.compile(_VARIABLE.sub("[^/]+", re.escape(path))) for path in sorted(self._paths) if "{" in path
        }

    def of(self, path: str) -> str:
        """Returns the endpoint that a request's path means; an empty string if it means none."""
        if path in self._paths:
            return path
        return next((endpoint for endpoint, pattern in self._patterns.items() if pattern.fullmatch(path)), "")
