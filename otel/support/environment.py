"""Reads settings from the environment, and reports all errors at once, with variables' names but not their values."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from typing import TypeVar

from pydantic import ValidationError

T = TypeVar("T")


class SettingsError(Exception):
    """The environment or an argument is invalid; the message has a line for each error."""


def read(
    settings: Callable[..., T],
    variable: Callable[[object], str],
    conflicts: Callable[[T], Iterable[str]] = lambda _: (),
    **overrides: object,
) -> T:
    """Returns the settings; ``overrides`` take precedence over the environment. Raises SettingsError.

    ``variable`` returns the variable that sets a field. ``conflicts`` returns a line for each contradiction between
    settings, which begins with a variable's name.
    """
    try:
        values = settings(**overrides)
    except ValidationError as error:
        problems = [f"{variable(problem['loc'][0])}: {problem['msg']}" for problem in error.errors(include_input=False)]
    else:
        problems = list(conflicts(values))
        if not problems:
            return values
    raise SettingsError("\n  ".join(["the environment has values that can't be used:", *problems]))


def unknown(prefix: str, names: Container[str]) -> list[str]:
    """Returns the variables with our ``prefix`` that set nothing, and are most likely misspelt."""
    return sorted(name for name in os.environ if name.startswith(prefix) and name not in names)
