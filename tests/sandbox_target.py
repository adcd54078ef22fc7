"""What a sandboxed process of the tests does: whatever the request says, crashes included."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

from server.sandbox.wire import Message

kept: list[str] = []


def prepare() -> None:
    kept.append("prepared")


def handle(request: Message, payload: bytes) -> tuple[Message, bytes]:  # noqa: PLR0912
    match request["do"]:
        case "echo":
            return {"heard": request.get("words"), "kept": kept}, payload
        case "keep":
            kept.append(request["words"])
        case "crash":
            ctypes.string_at(0)
        case "end":
            os.kill(os.getpid(), signal.SIGKILL)
        case "compute":
            while True:
                pass
        case "sleep":
            time.sleep(3600)
        case "remember":
            return {"bytes": len(bytearray(request["bytes"]))}, b""
        case "write":
            Path(request["path"]).write_bytes(b"x" * 10)
        case "environment":
            return {"names": sorted(os.environ)}, b""
        case "session":
            return {"session": request.get("session"), "forget": request.get("forget", [])}, b""
        case "raise":
            raise ValueError(request["words"])
        case "lie":
            for path in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(OSError):
                    if path.is_socket():
                        os.write(int(path.name), bytes.fromhex(request["bytes"]))
    return {}, b""
