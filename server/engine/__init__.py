"""The Coqui model, and the thread that owns it."""
