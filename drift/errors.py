"""The errors of the drift job: one hierarchy, each with a sentence that an operator can act on."""

from __future__ import annotations


class DriftError(Exception):
    """The base of the errors that this job raises by itself."""


class ReferenceImpossible(DriftError):
    """There are not enough rows for a reference."""


class ReferenceIncompatible(DriftError):
    """Another version of this job, which derived or stored columns differently, made the reference."""


class ReferenceDamaged(DriftError):
    """Files of the reference are missing, or are not what was stored."""


class VerdictDamaged(DriftError):
    """The content of a verdict's file is not a verdict."""


class ClockSuspect(DriftError):
    """The clock can't be trusted: nothing was ingested, judged or deleted."""


class EventsUnreachable(DriftError):
    """An object store with events can't be listed: a window judged now would lack requests, so none is judged."""


class RowsIncompatible(DriftError):
    """A later version of this job wrote the rows."""


class RowsDamaged(DriftError):
    """Stored rows can't be read."""
