"""The OTEL_* variables as data, and the rules that their values must follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

Signal = Literal["TRACES", "METRICS", "LOGS"]
SIGNALS: tuple[Signal, ...] = ("TRACES", "METRICS", "LOGS")

MOST = 2**31 - 1
"""The largest whole number that the specification asks an SDK to take."""
HEADER = re.compile(r"[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ !#-+\--:<-\[\]-~\t]*")
"""One header: its name, and its value, where anything but printable ASCII and `,;"\\` is percent-encoded."""
ENCODED = re.compile(r"%(?![2-6][0-9A-Fa-f]|7[0-9A-Ea-e])")
"""A percent sign that encodes no printable ASCII character, which no header can carry."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The values that a variable takes."""

    values: str
    """What a value must be, in words that follow "must be"."""
    fits: Callable[[str], bool]
    """Returns whether a value, which is not empty and has no white space around it, follows the rule."""


ANY_TEXT = Rule("a text", bool)
UNSET = Rule("unset", lambda value: not value)
"""The rule of a variable that is not supported."""
BOOLEAN = Rule("true or false", lambda value: value.lower() in {"true", "false"})


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the specification, of the SDK or of its instrumentation."""

    name: str
    rule: Rule
    meaning: str
    """What it sets; for a variable that is not supported, the reason, and what to do instead."""
    default: str = ""
    signals: tuple[Signal, ...] = ()
    """The signals that it concerns: it is not checked if all of them are switched off. None: it is always checked."""
    instead: str = ""
    """What to do if the value that is wanted is not honoured."""

    def problem(self, value: str) -> str | None:
        """Returns what is wrong with ``value``, without the value itself, which may be a secret."""
        if self.rule.fits(value):
            return None
        advice = self.instead or (self.meaning if self.rule is UNSET else "")
        return f"{self.name}: must be {self.rule.values}" + (f": {advice}" if advice else "")


def whole(unit: str = "", *, least: int = 0) -> Rule:
    """Returns the rule of a whole number of ``unit``, which is at least ``least``."""
    of_unit = f" of {unit}" if unit else ""
    return Rule(
        f"a whole number{of_unit}, at least {least}",
        lambda value: re.fullmatch(r"\d{1,10}", value) is not None and least <= int(value) <= MOST,
    )


def seconds(most: int) -> Rule:
    """Returns the rule of a number of seconds, which is more than 0 and at most ``most``."""
    return Rule(
        f"a number of seconds, more than 0 and at most {most} (the SDK's unit; the specification's is milliseconds)",
        lambda value: re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) is not None and 0 < float(value) <= most,
    )


def choice(*values: str) -> Rule:
    """Returns the rule of one of ``values``; upper and lower case are the same."""
    *others, last = values
    return Rule(f"{', '.join(others)} or {last}" if others else last, lambda value: value.lower() in values)


def several(*values: str) -> Rule:
    """Returns the rule of a list, separated by commas, whose entries are all among ``values``."""
    return Rule(f"a list of {', '.join(values)}", lambda value: set(_entries(value)) <= set(values))


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",")]


def _are_headers(value: str) -> bool:
    return all(HEADER.fullmatch(entry) and not ENCODED.search(entry) for entry in value.split(","))


def _are_attributes(value: str) -> bool:
    return all(re.fullmatch(r"\s*[^\s=][^=]*=.*", entry, re.DOTALL) for entry in value.split(","))


def _is_pem(value: str) -> bool:
    try:
        return "-----BEGIN " in Path(value).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _are_detectors(value: str) -> bool:
    registered = entry_points(group="opentelemetry_resource_detector").names
    return set(_entries(value)) - {"", "*"} <= registered


def _is_stable(value: str) -> bool:
    return "http/dup" not in _entries(value)


HEADERS = Rule("a list name=value,... with percent-encoded values", _are_headers)
ATTRIBUTES = Rule("a list key=value,... with percent-encoded values", _are_attributes)
PEM_FILE = Rule("the path of a readable PEM file", _is_pem)
DETECTORS = Rule("a list of installed resource detectors", _are_detectors)
STABLE_CONVENTIONS = Rule("a list without http/dup", _is_stable)
