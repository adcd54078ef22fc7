"""Scripts that measure the code: its names, its shape, and what an addition costs. Standard library alone."""
