"""The table of faults: each one made to happen to the real programs under load, and what was lost by it."""
