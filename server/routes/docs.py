"""GET /docs: the API's description as an HTML page, without scripts or resources of other hosts."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

POLICY = "default-src 'self'; script-src 'none'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>ttscope: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="console.css">
</head>
<body>
<header class="top"><h1>ttscope</h1><p>The API of this server.</p>
<nav aria-label="More about this server"><a href=".">Console</a> <a href="openapi.json">openapi.json</a></nav></header>
<main class="calls">
"""
TAIL = "</main>\n</body>\n</html>\n"


def render(description: dict[str, Any]) -> str:
    """Returns the HTML page for an OpenAPI description."""
    schemas = description["components"]["schemas"]
    calls = (
        "".join(_call(method, path, operation, schemas))
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    )
    return HEAD + "".join(calls) + TAIL


def _call(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f'<section class="card"><h2><code>{method.upper()} {escape(path)}</code></h2>'
    yield f"<p>{escape(' '.join((operation['summary'], operation.get('description', ''))))}</p>\n"
    rows = [
        (parameter["name"], f"{parameter['in']}, {_form(parameter['schema'])}", parameter["description"])
        for parameter in operation.get("parameters", [])
    ]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        required = schema.get("required", ())
        rows += [
            (name, f"{kind}, {_form(field)}{', required' if name in required else ''}", field.get("description", ""))
            for name, field in schema.get("properties", {"body": schema}).items()
        ]
    if rows:
        yield "<table><tr><th>Field</th><th>Where, and what</th><th>Meaning</th></tr>"
        yield from (
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(form)}</td><td>{escape(help_)}</td></tr>"
            for name, form, help_ in rows
        )
        yield "</table>\n"
    yield "<table><tr><th>Status</th><th>What it means</th><th>Content</th></tr>"
    for status, answer in operation["responses"].items():
        kinds = ", ".join(answer.get("content", {}))
        yield f"<tr><td>{status}</td><td>{escape(answer['description'])}</td><td>{escape(kinds)}</td></tr>"
    yield "</table></section>\n"


def _form(field: dict[str, Any]) -> str:
    """Returns a field's type, its values or bounds, and its default, in a few words."""
    if "anyOf" in field:
        words = " or ".join(dict.fromkeys(map(_form, field["anyOf"])))
    elif "$ref" in field:
        words = "object"
    elif "examples" in field:
        words = f"a name such as {', '.join(field['examples'])}"
    elif "enum" in field:
        words = f"one of {', '.join(str(value) for value in field['enum'] if value != '')}"
    else:
        words = str(field.get("type", "anything"))
        if "minimum" in field:
            words += f" from {field['minimum']:g} to {field['maximum']:g}"
    default = field.get("default")
    return words if default is None else f"{words}; default {str(default).lower()}"
