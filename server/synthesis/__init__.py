"""The way from an utterance to chunks of audio: admission, the cache, and the fallback chain of providers."""
