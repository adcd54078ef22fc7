"""Shared files in an S3-compatible object store: AWS S3, Ceph, Garage, versitygw and others, by the library obstore.

The store must know conditional writes (If-Match, If-None-Match), as AWS S3 does since 2024.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from server.errors import ComponentError
from server.shared.object_store import ObjectChanged, ObjectVersion

if TYPE_CHECKING:
    from obstore.store import S3Store

TIMEOUT = timedelta(seconds=5)
"""For one request to the store, its answer included."""
RETRIES = 2
ENDPOINT = "AWS_ENDPOINT_URL"
STORE_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
EXTRA = "the shared store s3:// needs the package obstore: install the extra s3"


class MissingLibrary(ComponentError):
    """The library of object stores is not installed; the message says how to install it."""


class BucketStore:
    """See ObjectStore. Address and credentials come from the variables that AWS' own programs read (AWS_REGION,
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and others)."""

    def __init__(self, bucket: str, prefix: str) -> None:
        """Connects to nothing yet. Raises MissingLibrary if the library is not installed."""
        self._store = _open(bucket, prefix)

    def list(self) -> dict[str, ObjectVersion]:
        import obstore

        with _errors():
            pages = obstore.list(self._store)
            return {meta["path"]: _version(meta) for page in pages for meta in page}

    def read(self, name: str) -> tuple[bytes, ObjectVersion] | None:
        import obstore

        try:
            with _errors():
                answer = obstore.get(self._store, name)
                return bytes(answer.bytes()), _version(answer.meta)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, expected: ObjectVersion | None) -> ObjectVersion:
        import obstore

        with _errors():
            mode: Any = "create" if expected is None else {"e_tag": expected.tag}
            written = obstore.put(self._store, name, content, mode=mode, use_multipart=False)
            moment = _version(obstore.head(self._store, name)).modified
            return ObjectVersion(written["e_tag"] or "", moment, len(content))

    def delete(self, name: str) -> None:
        import obstore

        with _errors():
            obstore.delete(self._store, name)


def _open(bucket: str, prefix: str) -> S3Store:
    try:
        from obstore.store import S3Store
    except ImportError:
        raise MissingLibrary(EXTRA) from None
    plain = os.environ.get(ENDPOINT, "").startswith("http://")
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={"timeout": TIMEOUT, "allow_http": plain},
        retry_config={"max_retries": RETRIES, "retry_timeout": 2 * TIMEOUT},
    )


def _version(meta: Any) -> ObjectVersion:
    """Returns the version that obstore's description of an object has."""
    return ObjectVersion(meta["e_tag"] or "", int(meta["last_modified"].timestamp()) * 10**9, meta["size"])


@contextmanager
def _errors() -> Iterator[None]:
    """Raises OSError and ObjectChanged for obstore's errors, whose messages hold the address."""
    from obstore import exceptions

    try:
        yield
    except exceptions.NotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such object or bucket") from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise ObjectChanged("the object was changed by another server") from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES)) from error
    except exceptions.BaseError as error:
        raise OSError(errno.EIO, f"the object store failed ({type(error).__name__})") from error
