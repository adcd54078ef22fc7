"""Encodes a verdict as JSON, the content of verdict.json, version 1."""

from __future__ import annotations

from dataclasses import fields

import msgspec

from drift import files
from drift.errors import VerdictDamaged
from otel.contract.drift_verdict import Verdict

VERSION = 1
"""The version of a stored verdict."""
FIELDS = frozenset({"version", *(field.name for field in fields(Verdict))})
"""The required fields of a stored verdict; ``subjects`` is written for other readers and not read."""


def encode(verdict: Verdict) -> str:
    """Returns the JSON text of ``verdict``; ``decode`` returns an equal verdict from it."""
    stored = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
    return files.json_text({"version": VERSION, "subjects": verdict.subjects, **stored})


def decode(text: str | bytes) -> Verdict:
    """Returns the verdict that ``encode`` wrote as ``text``. Raises VerdictDamaged for any other text."""
    try:
        stored = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        if missing := FIELDS - stored.keys():
            raise VerdictDamaged(f"not a verdict: {', '.join(sorted(missing))} missing")
        version = msgspec.json.decode(stored["version"])
        if version != VERSION:
            raise VerdictDamaged(f"a verdict of version {version!r}; this job reads {VERSION}")
        return msgspec.json.decode(text, type=Verdict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise VerdictDamaged(f"not a verdict: {error}") from error
