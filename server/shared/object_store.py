"""Where shared files lie, behind one Protocol: names, contents, and a version that changes with each content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from server.errors import ComponentError

ABANDONED_SECONDS = 3600.0
"""The age at which an unfinished file is one that a crashed program has left."""


class ObjectChanged(ComponentError):
    """Another server changed the object first; it is to be read again."""


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """What tells one content of an object from the next one."""

    tag: str
    """Differs for each content: an ETag, or what stands for it."""
    modified: int
    """When the object was written, in ns since 1970."""
    size: int
    """Bytes."""


class ObjectStore(Protocol):
    """Objects by name. Names have parts with slashes between them. All methods block, and raise OSError when the store
    can't be reached or refuses; its ``strerror`` says why, and names no address."""

    def list(self) -> dict[str, ObjectVersion]:
        """Returns all objects, those that were written before this call at least."""
        ...

    def read(self, name: str) -> tuple[bytes, ObjectVersion] | None:
        """Returns an object; None if there is none."""
        ...

    def write(self, name: str, content: bytes, expected: ObjectVersion | None) -> ObjectVersion:
        """Writes an object as a whole: readers see the old one or the new one. Raises ObjectChanged if the object has
        another version than ``expected``, which is None if there must be no object."""
        ...

    def delete(self, name: str) -> None:
        """Removes an object, if there is one."""
        ...
