"""What becomes of whatever a model, or a thread that is closed, raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import EngineFailed, ShuttingDown, SpeechError
from server.providers.worker import WorkerClosed


@contextmanager
def as_ours() -> Iterator[None]:
    """Raises SpeechError as it is, ShuttingDown for WorkerClosed, and EngineFailed for any other exception."""
    try:
        yield
    except SpeechError:
        raise
    except WorkerClosed:
        raise ShuttingDown("the server is shutting down") from None
    except Exception as error:  # torch, onnxruntime, espeak: whatever it is, the client learns that it failed, no more
        raise EngineFailed("the speech engine failed") from error
