"""Prometheus' configuration with long-term stores, to which it forwards every sample (remote write).

``python -m stack.remote_write FILE`` prints it, for Docker Compose and Kubernetes: docs/scale.md. For ``make stack``,
TTSCOPE_STACK_REMOTE_WRITE names the same file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

CONFIG = Path(__file__).parent / "config" / "prometheus.yml"
DEFAULTS = {"send_exemplars": True, "send_native_histograms": True}
"""Prometheus sends neither by default; without them the store has no exact quantiles, and no way from a panel to a
trace."""
SECRETS = frozenset(
    {
        "bearer_token",
        "certificate_password",
        "client_certificate_key",
        "client_secret",
        "credentials",
        "key",
        "password",
        "secret_key",
        "secrets",
    }
)
"""Prometheus' fields that hold a secret itself. Most have a sibling that names a file, such as credentials_file."""
FILES = ("_file", "_path")
"""The ends of the names of fields that hold a path."""


def configuration(stores: str) -> str:
    """Returns prometheus.yml with the stores in the file ``stores``; unchanged for an empty name. Raises ValueError."""
    text = CONFIG.read_text()
    return f"{text}\n{yaml.safe_dump({'remote_write': load(Path(stores))}, sort_keys=False)}" if stores else text


def load(path: Path) -> list[dict[str, Any]]:
    """Returns the stores in a file: a list in the form of Prometheus' remote_write, DEFAULTS filled in.

    Relative paths in it begin at the file's folder. Raises ValueError; the message repeats nothing but names of fields.
    """
    try:
        stores = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"can't be read as YAML ({type(error).__name__})") from None
    if not isinstance(stores, list) or not stores or not all(isinstance(store, dict) for store in stores):
        raise ValueError("must be a list of stores, each with a url, in the form of Prometheus' remote_write")
    for number, store in enumerate(stores, 1):
        if problem := next(_problems(store), None):
            raise ValueError(f"store {number}: {problem}")
    return [{**DEFAULTS, **_resolved(store, path.absolute().parent)} for store in stores]


def _problems(store: dict[str, Any]) -> Iterator[str]:
    """Yields what is wrong with a store: no address, or a secret outside a file."""
    try:
        address = urlsplit(str(store.get("url", "")))
    except ValueError:
        address = urlsplit("")
    if address.scheme not in ("http", "https") or not address.hostname:
        yield "url must begin with http:// or https://"
    if address.username is not None or address.password is not None:
        yield "url must hold no credentials: name a file that holds them, with credentials_file or password_file"
    for name, value in _fields(store):
        if name in SECRETS and value:
            yield f"{name} must not hold a secret: put it into a file, and name that file (credentials_file, ...)"


def _fields(value: object) -> Iterator[tuple[str, object]]:
    """Yields every field and its value, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name), inner
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


def _resolved(value: Any, folder: Path, name: str = "") -> Any:
    """Returns the value with absolute paths in its fields of FILES."""
    if isinstance(value, dict):
        return {key: _resolved(inner, folder, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, folder) for inner in value]
    return str(folder / value) if isinstance(value, str) and value and name.endswith(FILES) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the configuration, and returns the exit code: 2 if the file can't be used."""
    parser = argparse.ArgumentParser(prog="python -m stack.remote_write", description=__doc__)
    parser.add_argument("stores", metavar="FILE", help="a list in the form of Prometheus' remote_write")
    path = parser.parse_args(arguments).stores
    try:
        print(configuration(path), end="")  # noqa: T201 - it is a command
    except ValueError as error:
        print(f"{path}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
