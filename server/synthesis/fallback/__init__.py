"""The fallback chain: which provider attempts an utterance, and when the next one takes over."""
