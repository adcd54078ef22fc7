"""The figures of a run, and their sections of RESULTS.md."""
