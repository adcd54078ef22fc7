"""The Coqui model made fast, in a process of its own."""
