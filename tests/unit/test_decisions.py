"""ARCHITECTURE.md stays short, decision records have one form, and both name only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.server_process import ROOT

ARCHITECTURE = ROOT / "ARCHITECTURE.md"
MOST_WORDS = 900
DECISIONS = ROOT / "docs" / "decisions"
INDEX = DECISIONS / "README.md"
LABELS = ["Context", "Decision", "Measured", "Consequence", "Look again when"]
FILES = sorted(path for path in DECISIONS.glob("*.md") if path != INDEX)
PAGES = [ARCHITECTURE, INDEX, *FILES]
PATH = re.compile(r"(?<![\w/.-])(?:server|otel|stack|drift|dashboards|alerting|bench|docs|tests|deploy)/[\w./-]*")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def records(page: Path) -> dict[str, str]:
    """The text of each record of a page by its heading."""
    pieces = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """The anchors of all headings of a page."""
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


def label(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_architecture_is_read_in_five_minutes() -> None:
    assert len(ARCHITECTURE.read_text().split()) <= MOST_WORDS


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_path_that_is_named_exists(page: Path) -> None:
    missing = [path for path in PATH.findall(page.read_text()) if not (ROOT / path.rstrip(".")).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_link_leads_to_a_page_and_its_heading(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


@pytest.mark.parametrize("page", FILES, ids=label)
def test_every_record_has_the_five_lines_in_order(page: Path) -> None:
    assert records(page)
    for heading, text in records(page).items():
        lines = re.findall(r"^- \*\*([^*]+)\*\*: (\S)", text, re.MULTILINE)
        assert [name for name, _ in lines] == LABELS, heading


def test_the_index_lists_every_record_once_and_nothing_else() -> None:
    listed = re.findall(r"^\| \[(.+?)\]\((\S+?)\) \| \S", INDEX.read_text(), re.MULTILINE)
    written = [(heading, f"{page.name}#{anchor(heading)}") for page in FILES for heading in records(page)]
    assert sorted(listed) == sorted(written)
