"""What is fuzzed: how an input is made, and what must hold of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
"""Of each target a folder of inputs that found something once, or nearly."""


def nothing() -> None:
    """What a target needs that needs nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """A part of the server that reads what strangers send. An input is bytes, whatever the target."""

    name: str
    make: Callable[[random.Random], bytes]
    """The same input for the same state of the generator."""
    check: Callable[[bytes], None]
    """Raises whatever it likes when something is wrong with how the server took the input."""
    share: float
    """Of all inputs that are made."""
    known: Callable[[], Iterator[tuple[str, bytes]]] = lambda: iter(())
    """Names and inputs of the corpus that are better made than kept: those that are long or binary."""
    binary: bool = False
    """Whether an input is made smaller byte by byte, not character by character."""
    prepare: Callable[[], None] = nothing
    """Imports what is slow to import, before the process is forked; may start no thread."""
    seconds: float = 30.0
    """After which an input is held to hang, on a machine that is busy."""
    memory_bytes: int | None = None
    """Address space that a child may take beside what it begins with."""
    threads: int = 1
    """Inputs that a child checks at a time."""

    def corpus(self) -> Iterator[tuple[str, bytes]]:
        """Names and inputs, those in files and those that are made."""
        for path in sorted((CORPUS / self.name).glob("*")):
            yield path.name, path.read_bytes()
        yield from self.known()


def generator(target: Target, seed: str, number: int) -> random.Random:
    """The generator for the input of this number: each can be made without those before it."""
    return random.Random(f"{seed}:{target.name}:{number}")
