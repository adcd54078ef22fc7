"""The address of a place in an S3-compatible object store, as settings and commands give it."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path

SCHEME = "s3://"
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)/?")


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket, and the folder in it; an empty one is the whole bucket."""

    bucket: str
    folder: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.path}"

    @property
    def path(self) -> str:
        """BUCKET/FOLDER."""
        return f"{self.bucket}/{self.folder}".rstrip("/")


EventSource = Path | BucketAddress
"""A file or folder, or a place in an object store."""


def event_argument(text: str) -> EventSource:
    """Returns the source that an argument of a command names. Raises ArgumentTypeError, which does not repeat it."""
    try:
        return event_source(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def event_source(text: str) -> EventSource:
    """Returns the source that ``text`` names. Raises ValueError for a wrong address of an object store."""
    if not text.startswith("s3:"):
        return Path(text)
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError("must be s3://BUCKET or s3://BUCKET/FOLDER, without credentials")
    return BucketAddress(match[1], match[2].strip("/"))
