"""The figures of the benchmarks, and their sections of RESULTS.md."""
