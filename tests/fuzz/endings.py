"""Whether a sandboxed process has ended: what it was given was not made harmless before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server.sandbox.pool import SandboxPool


@contextmanager
def unended(pool: SandboxPool) -> Iterator[None]:
    """Fails when a process of the pool has ended by itself within the block, whatever the caller was told."""
    ended: list[str] = []
    pool.restarted = lambda: ended.append(pool.name)
    yield
    assert not ended, "a sandboxed process ended"
