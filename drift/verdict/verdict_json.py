"""Encodes a verdict as JSON, the content of verdict.json, version 1."""

from __future__ import annotations

from dataclasses import fields

import msgspec

from drift import files
from drift.errors import VerdictDamaged
from otel.contract.drift_verdict import Score, Verdict

VERSION = 1
"""The version of a stored verdict."""
LATER = frozenset({"compared_with"})
"""The fields that verdicts of earlier versions do not have; they are written if they hold something."""
FIELDS = frozenset({"version", *(field.name for field in fields(Verdict))}) - LATER
"""The required fields of a stored verdict; ``subjects`` is written for other readers and not read."""


def encode(verdict: Verdict) -> str:
    """Returns the JSON text of ``verdict``; ``decode`` returns an equal verdict from it."""
    stored = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
    stored["scores"] = [_score(score) for score in verdict.scores]
    known = {name: value for name, value in stored.items() if value is not None or name not in LATER}
    return files.json_text({"version": VERSION, "subjects": verdict.subjects, **known})


def _score(score: Score) -> dict[str, object]:
    """Returns the fields of ``score``; ``recent``, which earlier versions did not have, only if there is something."""
    return {
        field.name: getattr(score, field.name) for field in fields(score) if score.recent or field.name != "recent"
    }


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
