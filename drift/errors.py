"""The errors of the drift job: one hierarchy, each with a sentence that an operator can act on."""

from __future__ import annotations


class DriftError(Exception):
    """The base of the errors that this job raises by itself."""


class ReferenceImpossible(DriftError):
    """There are not enough rows to make a reference of."""


class ReferenceIncompatible(DriftError):
    """The reference was made by another version of this job, which derived or stored its columns differently."""


class ReferenceDamaged(DriftError):
    """The reference's files are not all there, or are not what was stored."""


class VerdictDamaged(DriftError):
    """The content of a verdict's file is not a verdict."""


class ClockSuspect(DriftError):
    """The clock can't be believed: nothing was taken in, judged or deleted."""


class RowsIncompatible(DriftError):
    """The rows were written by a later version of this job."""


class RowsDamaged(DriftError):
    """Rows that were stored can't be read back."""
