"""What can be wrong with a voice's files."""

from __future__ import annotations

from pathlib import Path


class VoiceError(Exception):
    """A file or folder that is not a voice we can speak with; the message names it and says what is wrong."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[VoiceError], tuple[Path, str]]:
        """It comes from the engine's process too."""
        return type(self), (self.path, self.problem)
