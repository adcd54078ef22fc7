"""Every TraceQL query of ours, parsed by the grammar that Grafana publishes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.boards import BOARDS
from dashboards.panel import Search
from dashboards.traceql import written
from dashboards.variables import VARIABLES, fill
from otel.contract.event_fields import REQUEST_FIELDS, SpanField
from otel.trace_store import store
from otel.trace_store.store import DURATION, Operator, TraceSearch
from otel.trace_store.tempo import Tempo
from tests.server_process import ROOT

BLOCK = re.compile(r"```traceql\n(.*?)\n```", re.DOTALL)
FOLDERS = ("docs", "alerting", "dashboards", "otel")
PAGES = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).glob("**/*.md"))])
CONDITIONS = (
    store.one_of("tts.outcome", "error"),
    store.one_of("tts.voice_name", 'a "voice"', r"one\with", "j.e|x"),
    store.above("tts.stage.decode", 0.25),
    store.at_least(DURATION, 0),
    store.above(DURATION, 1),
    store.above(DURATION, 1.5),
    store.present("tts.fallback_from"),
)
WRONG = {
    "{ span.tts.outcome = }": 21,
    '{ span.tts.outcome = "error"': 28,
    "{ duration > }": 13,
    "span.tts.outcome != nil": 0,
    '{ kind = server && (span.tts.outcome = "error" || }': 50,
}
"""Queries that are none, and where the grammar says so."""


def mistakes(folder: Path, queries: list[str]) -> list[int | None]:
    """Where each goes wrong; None of a good one."""
    command = ["node", "traceql.mjs"]
    done = subprocess.run(
        command, cwd=folder, input=json.dumps(queries), capture_output=True, text=True, timeout=60, check=True
    )
    found: list[int | None] = json.loads(done.stdout)
    assert len(found) == len(queries)
    return found


def panel_searches() -> Iterator[str]:
    """As they are once the variables are put in, with one value, several, and all."""
    chosen = (
        {},
        {variable.name: "joe" for variable in VARIABLES},
        {variable.name: r"a\.b|c" for variable in VARIABLES},
    )
    for board in BOARDS:
        for panel in board.panels:
            for search in (panel.ask, panel.traces):
                if isinstance(search, Search):
                    yield from (fill(written(search), interval="5m", span="1h", variables=choice) for choice in chosen)


def asked_of_tempo() -> Iterator[str]:
    """What the Tempo store sends: of each condition alone, of all of them, and of one of all."""
    sent: list[str] = []

    def ask(path: str, parameters: dict[str, str | int]) -> dict[str, list[object]]:
        sent.append(str(parameters["q"]))
        return {"traces": []}

    groups = [(), *(((condition,),) for condition in CONDITIONS), tuple((c,) for c in CONDITIONS), (CONDITIONS,)]
    for services in ((), ("ttscope",), ("a", "b.c")):
        for conditions in groups:
            Tempo(ask).search(TraceSearch(0, 1, conditions, services))
    return iter(sent)


def test_the_conditions_here_use_every_operator() -> None:
    assert {condition.operator for condition in CONDITIONS} == set(Operator)


@pytest.mark.parametrize("query", WRONG)
def test_the_grammar_finds_what_is_wrong(javascript: Path, query: str) -> None:
    assert mistakes(javascript, [query]) == [WRONG[query]]


def test_every_query_of_panels_pages_and_the_store_is_traceql(javascript: Path) -> None:
    pages = [query for page in PAGES for query in BLOCK.findall(page.read_text())]
    panels, store_queries = list(panel_searches()), list(asked_of_tempo())
    assert min(len(pages), len(panels), len(store_queries)) >= 7
    queries = [*pages, *panels, *store_queries]
    found = mistakes(javascript, queries)
    assert {query: at for query, at in zip(queries, found, strict=True) if at is not None} == {}


def test_pages_name_only_attributes_of_the_contract() -> None:
    for page in PAGES:
        for query in BLOCK.findall(page.read_text()):
            assert set(re.findall(r"span\.([\w.]+)", query)) <= {*REQUEST_FIELDS, *SpanField}, page
