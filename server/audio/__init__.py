"""Audio as bytes that clients can play."""
