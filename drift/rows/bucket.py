"""Event files in an S3-compatible object store, by the library pyarrow.

Objects are read whole, since a writer of objects never appends. Their names come from whoever may write there, so only
plain ones are read: a segment such as ``..`` would lead out of the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from drift.bucket_address import BucketAddress
from drift.errors import EventsUnreachable

ENDPOINT = "AWS_ENDPOINT_URL"
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 20.0
"""The time in which a store must send something. With ATTEMPTS it is less than the job gets to stop."""
ATTEMPTS = 2
CHUNK_BYTES = 2**20
LARGEST = 2**30
"""The maximum bytes of an object, unpacked. A Collector writes 50 MB at most."""
NAMES = re.compile(r"\.(json|jsonl(\.\d+)?)(\.(gz|zst))?$")
"""As in folders, and what the Collector's exporter to S3 writes; packed ones are unpacked."""
_CODE = re.compile(r"AWS Error ([A-Z_]+)")
_PLAIN = re.compile(r"([A-Za-z0-9_=-][A-Za-z0-9._=:+-]*/)*[A-Za-z0-9_=-][A-Za-z0-9._=:+-]*")


class ObjectUnreadable(Exception):
    """An object can't be read; the message names neither it nor the store."""


@dataclass(frozen=True, slots=True)
class EventObject:
    """An object with events."""

    path: str
    size: int
    """Bytes, as it is stored."""
    modified: int
    """When it was written, in ns since 1970."""

    @property
    def key(self) -> str:
        """The identity of this content under this name."""
        identity = f"{self.path}\0{self.size}\0{self.modified}".encode(errors="surrogatepass")
        return hashlib.blake2b(identity, digest_size=12).hexdigest()


class Bucket:
    """The objects in a place of an object store.

    Endpoint, region and credentials come from where AWS' own programs find them: AWS_ENDPOINT_URL, AWS_REGION,
    AWS_ACCESS_KEY_ID and other variables, a file, a role.
    """

    def __init__(self, address: BucketAddress) -> None:
        """Connects to nothing yet."""
        self._address = address
        self._files = connect()

    def objects(self) -> list[EventObject]:
        """Returns the objects with events that are not empty, in order of time. Raises EventsUnreachable."""
        try:
            found = self._files.get_file_info(fs.FileSelector(self._address.path, recursive=True))
        except FileNotFoundError:  # of the folder; a bucket that is missing is another error
            return []
        except (OSError, pa.ArrowException) as error:
            raise EventsUnreachable(f"{self._address} can't be listed ({reason(error)})") from None
        objects = [EventObject(each.path, each.size, each.mtime_ns) for each in found if each.is_file and each.size]
        return sorted(
            (each for each in objects if NAMES.search(each.path)), key=lambda each: (each.modified, each.path)
        )

    def read(self, event_object: EventObject) -> Iterator[bytes]:
        """Yields the content in chunks, unpacked, with a newline at its end. Raises ObjectUnreadable."""
        if not _PLAIN.fullmatch(event_object.path):
            raise ObjectUnreadable("its name has other characters than letters, digits and ._=:+-/")
        total, last = 0, b""
        for chunk in self._chunks(event_object.path):
            total, last = total + len(chunk), chunk
            if total > LARGEST:
                raise ObjectUnreadable("it is too large")
            yield chunk
        if not last.endswith(b"\n"):
            yield b"\n"

    def _chunks(self, path: str) -> Iterator[bytes]:
        try:
            with self._files.open_input_stream(path, compression="detect") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except (OSError, pa.ArrowException) as error:
            raise ObjectUnreadable(reason(error)) from None


def reason(error: Exception) -> str:
    """Returns the store's code of an error, such as ACCESS_DENIED: the rest of the message holds addresses."""
    code = _CODE.search(str(error))
    return code[1] if code else type(error).__name__


def connect() -> fs.S3FileSystem:
    """Returns the object store that the environment names; connects to nothing yet."""
    endpoint = urlsplit(os.environ.get(ENDPOINT, ""))
    region = next(filter(None, map(os.environ.get, REGIONS)), None)
    return fs.S3FileSystem(
        region=region,
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )
