"""The tables of docs/security.md: what each call needs, from the routes of both ports and the rules of access."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from server.access.caller import Scope
from server.access.route_rules import KeyState, refusal
from server.app import Service
from server.errors import error_type
from server.routes.route import Route
from server.settings import Settings

CALLS = "| Call | A stranger, without a key | " + " | ".join(f"A key with `{scope}`" for scope in Scope) + " |\n"
STATES = "| A request with ... | Status | `code` |\n"
YES = "yes"


def put_into(page: str) -> str:
    """Returns ``page`` with the current tables. Raises ValueError if ``page`` lacks one of the three."""
    api, management = asyncio.run(_routes())
    heads = page.split(CALLS)
    if len(heads) != 3 or STATES not in page:
        raise ValueError("the page must have two tables of calls and one of keys")
    before, first, second = heads
    page = before + _calls(api) + _after(first) + _calls(management, loopback=True) + _after(second)
    before, _, after = page.partition(STATES)
    return before + _states() + _after(after)


async def _routes() -> tuple[tuple[Route, ...], tuple[Route, ...]]:
    """Returns the routes of the API and of the management port."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), keys_file=None, host="127.0.0.1", management_host="127.0.0.1")
        applications = Service(settings, ()).applications
        return applications.api_routes(), applications.management_routes()


def _calls(routes: Iterable[Route], *, loopback: bool = False) -> str:
    """Returns the table of calls. ``loopback`` tells what differs on a management port on the loopback."""
    return CALLS + "| --- |" + " --- |" * (1 + len(Scope)) + "\n" + "".join(_call(route, loopback) for route in routes)


def _call(route: Route, loopback: bool) -> str:
    held = [
        KeyState.NONE,
        *(KeyState.WITH_SCOPE if scope is route.scope else KeyState.WITHOUT_SCOPE for scope in Scope),
    ]
    cells = []
    for state in held:
        error = refusal(route.scope, state)
        cell = YES if error is None else str(error.status)
        if loopback and error is not None and refusal(route.scope, state, loopback_management=True) is None:
            cell += " (loopback: yes)"
        cells.append(cell)
    return f"| `{route.method} {route.path}` | {' | '.join(cells)} |\n"


def _states() -> str:
    return STATES + "| --- | --- | --- |\n" + "".join(_state_rows())


def _state_rows() -> Iterator[str]:
    for state in KeyState:
        error = refusal(Scope.SPEAK, state)
        yield f"| {state} | {error.status if error else '200'} | {f'`{error_type(error)}`' if error else ''} |\n"


def _after(page: str) -> str:
    """Returns ``page`` without the rows that it begins with."""
    return re.sub(r"\A(\|.*\n)*", "", page)
