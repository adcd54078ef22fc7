"""Encodes a verdict as JSON, the content of verdict.json, version 1."""

from __future__ import annotations

from dataclasses import fields

import msgspec

from drift import files
from drift.errors import VerdictDamaged
from otel.contract.drift_verdict import Context, Score, Verdict

VERSION = 1
"""The version of a stored verdict."""
LATER = frozenset({"recent", "counts", "compared_with"})
"""The fields of scores and of the context that earlier versions did not have; they are written if they hold
something, so that an older verdict is written as it was."""
FIELDS = frozenset({"version", *(field.name for field in fields(Verdict))})
"""The required fields of a stored verdict; ``subjects`` is written for other readers and not read."""


def encode(verdict: Verdict) -> str:
    """Returns the JSON text of ``verdict``; ``decode`` returns an equal verdict from it."""
    stored = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
    stored["scores"] = [_without_empty(score) for score in verdict.scores]
    stored["context"] = _without_empty(verdict.context)
    return files.json_text({"version": VERSION, "subjects": verdict.subjects, **stored})


def _without_empty(record: Score | Context) -> dict[str, object]:
    """Returns the fields of ``record``, those of LATER only if they hold something."""
    known = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in known.items() if value or name not in LATER}


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
