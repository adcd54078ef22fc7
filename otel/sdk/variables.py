"""Reads OTEL_* variables, and knows every one of them."""

from __future__ import annotations

import os

from otel.sdk.honoured_variables import HONOURED
from otel.sdk.unsupported_variables import UNSUPPORTED

PREFIX = "OTEL_"
VARIABLES = {variable.name: variable for variable in (*HONOURED, *UNSUPPORTED)}


def value(name: str) -> str | None:
    """Returns the value of a variable without the white space around it; None if that leaves nothing."""
    return os.environ.get(name, "").strip() or None


def tidy() -> None:
    """Removes OTEL_* variables without a value, and white space around values, from the process's environment.

    An empty variable is an unset one by the specification, but not for the SDK, which reads the environment itself.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        if (text := value(name)) is None:
            del os.environ[name]
        else:
            os.environ[name] = text


def unknown() -> list[str]:
    """Returns the OTEL_* variables that set nothing, and are most likely misspelt."""
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in VARIABLES and value(name))
