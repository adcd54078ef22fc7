"""What can go wrong with the rows that are kept; what comes in never raises."""

from __future__ import annotations

from drift.errors import DriftError


class RowsIncompatible(DriftError):
    """The rows were written by a later version of this job."""


class RowsDamaged(DriftError):
    """Rows that were stored can't be read back."""
