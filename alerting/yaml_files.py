"""Renders the generated YAML files, each with a header that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel.support.yaml_text import dump

HEADER = "# Generated from alerting/ by `make alerting`; do not edit.\n"


def render(data: Mapping[str, Any], about: str = "") -> str:
    """Returns the text of the file, with ``about`` as a comment at the top."""
    comment = "".join(f"# {line}\n" for line in about.splitlines())
    return HEADER + comment + "\n" + dump(data)
