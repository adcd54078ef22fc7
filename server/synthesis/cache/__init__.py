"""Speech that was made before, given again: in this process, and among processes that share a Redis."""
