"""Enums whose members have a meaning beside their value: the names and values that telemetry is made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Described(StrEnum):
    """A name or a value, and what it means."""

    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member
