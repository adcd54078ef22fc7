"""The measured servers, their processes, and their own counts."""
