"""The harness of the table of faults: it sees every kind of loss, and the document has every row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import every, trial  # noqa: F401 - the first registers the faults
from tests.faults.book import Book, Ending, Entry
from tests.faults.fault import FAULTS, Losses
from tests.faults.site import Site
from tests.faults.table import BEGIN, END, write
from tests.faults.trial import Balance, Row, balance, too_much
from tests.server_process import ROOT

NOTHING = Balance(events=0, counts=0, traces=0, twice=0, misreported=0)


class Stores(Site):
    """What a site would have, without any program."""

    keeps_traces = True
    command = ()
    ready_line = ""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[str]] = {}
        self.count = 0.0
        self.traces: set[str] = set()

    def counted(self) -> float:
        return self.count

    def event_files(self) -> Iterable[Path]:
        return ()

    def events(self, request_ids: set[str]) -> dict[str, list[str]]:
        return {each: outcomes for each, outcomes in self.outcomes.items() if each in request_ids}

    def has_trace(self, trace_id: str) -> bool:
        return trace_id in self.traces


def entry(name: str, ending: Ending = Ending.OK) -> Entry:
    return Entry(name, 0.0, 1.0, ending, status=None if ending is Ending.UNANSWERED else 200, trace_id=f"trace {name}")


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Of three requests, of which one found nobody, nothing is missing."""
    monkeypatch.setattr(trial, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(trial, "POLL_SECONDS", 0.001)
    stores = Stores()
    stores.outcomes = {"a": ["ok"], "b": ["rejected"]}
    stores.count = 12.0
    stores.traces = {"trace a", "trace b"}
    return stores


BOOK = Book([entry("a"), entry("b", Ending.REFUSED), entry("c", Ending.UNANSWERED)])


def test_books_that_agree(stores: Stores) -> None:
    assert balance(BOOK, stores, 10.0, 0) == NOTHING


def test_every_kind_of_loss_is_seen(stores: Stores) -> None:
    stores.outcomes = {"a": ["cancelled", "ok"]}
    stores.count = 11.0
    stores.traces = {"trace b"}
    assert balance(BOOK, stores, 10.0, 0) == Balance(events=1, counts=1, traces=1, twice=1, misreported=1)


def test_a_request_that_reached_the_server_and_was_not_answered_must_be_counted(stores: Stores) -> None:
    stores.outcomes["c"] = ["cancelled"]
    assert balance(BOOK, stores, 10.0, 0).counts == 1


def test_requests_that_were_cut_off_are_named_by_events(stores: Stores) -> None:
    cut = [Entry(name, 0.0, 1.0, Ending.UNANSWERED, code="RemoteDisconnected") for name in ("d", "e")]
    stores.outcomes["d"] = ["error"]
    stores.count = 13.0
    found = balance(Book([*BOOK.entries, *cut]), stores, 10.0, 0)
    assert (found.cut_off, found.named) == (2, 1)


def test_requests_of_the_fault_itself_must_be_counted(stores: Stores) -> None:
    assert balance(BOOK, stores, 10.0, 2).counts == 2


def test_what_may_be_lost_breaks_no_promise() -> None:
    assert too_much(BOOK, NOTHING, Losses(unanswered=1)) == []
    assert too_much(Book([entry("a", Ending.FAILED)]), replace(NOTHING, events=2), Losses(failed=1, events=2)) == []


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.UNANSWERED])
def test_a_request_that_fails_breaks_a_promise(ending: Ending) -> None:
    assert too_much(Book([entry("a", ending)]), NOTHING, Losses())


@pytest.mark.parametrize("what", ["events", "counts", "traces", "twice", "misreported"])
def test_what_is_lost_breaks_a_promise(what: str) -> None:
    assert too_much(Book([entry("a")]), replace(NOTHING, **{what: 1}), Losses(failed=1))


def test_rows_are_replaced_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "reliability.md"
    path.write_text(f"before\n\n{BEGIN}\n{END}\n\nafter\n")
    first, second = list(FAULTS.values())[:2]
    write(path, [Row(second, BOOK, NOTHING), Row(first, BOOK, NOTHING)], "about")
    write(path, [Row(second, BOOK, NOTHING, broken=["it was not kept"])], "about")
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    lines = [line for line in text.splitlines() if line.startswith("| SIG")]
    assert [line.split(" | ")[0] for line in lines] == [f"| {first.title}", f"| {second.title}"]
    assert [line.endswith("| yes |") for line in lines] == [True, False]


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.md"
    path.write_text("text")
    with pytest.raises(ValueError, match="has no"):
        write(path, [], "about")
    assert path.read_text() == "text"


def test_the_document_has_a_row_of_every_fault() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    table = text.partition(BEGIN)[2].partition(END)[0]
    titles = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")]
    assert titles[2:] == [fault.title for fault in FAULTS.values()]
    assert len(FAULTS) >= 20
