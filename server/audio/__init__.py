"""Audio: formats, encoding, uploads, loudness and quality."""
