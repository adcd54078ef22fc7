"""Settings from the environment: all that is wrong is told at once, by variables' names and without their values."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from typing import TypeVar

from pydantic import ValidationError

T = TypeVar("T")


class SettingsError(Exception):
    """The environment or an argument can't be used; the message has a line for each that is wrong."""


def read(
    settings: Callable[..., T],
    variable: Callable[[object], str],
    conflicts: Callable[[T], Iterable[str]] = lambda _: (),
    **given: object,
) -> T:
    """The settings, with ``given`` ones before those of the environment. Raises SettingsError.

    ``variable`` tells which variable sets a field; ``conflicts`` says what does not fit together, each line beginning
    with a variable's name.
    """
    try:
        found = settings(**given)
    except ValidationError as error:
        problems = [f"{variable(problem['loc'][0])}: {problem['msg']}" for problem in error.errors(include_input=False)]
    else:
        problems = list(conflicts(found))
        if not problems:
            return found
    raise SettingsError("\n  ".join(["the environment has values that can't be used:", *problems]))


def unknown(prefix: str, known: Container[str]) -> list[str]:
    """Variables with our ``prefix`` that set nothing: most likely misspelt."""
    return sorted(name for name in os.environ if name.startswith(prefix) and name not in known)
