"""Drift columns: what is judged, and the frames of values that are made from rows."""
