"""The fallback chain: which provider attempts an utterance, and when the next one takes over.

``chain.py`` tries the voice's providers in order, and ``attempt.py`` is one provider's attempt, timed and judged. After
failed attempts the provider must speak a known word (``provider_state.py``). If that fails too, its breaker
(``breaker.py``) opens until a probe (``probes.py``) succeeds. So neither a text nor a client can open a breaker.
"""
