"""One noun for each thing, and one home for each noun: names against docs/glossary.md, and against each other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.server_process import ROOT
from tools.checkout import PACKAGES, Module, modules, words
from tools.names import class_names, file_names, shared

GLOSSARY = ROOT / "docs" / "glossary.md"
PAIRS = {"alerting": ("alerts", "cases")}
"""Folders of a package whose files are pairs on purpose: each alert's file has the tests of its alerts beside it."""
MODULES = modules(ROOT)


def rows(heading: str) -> list[tuple[str, ...]]:
    """The cells of the table's rows under a heading of the glossary, without the table's own head."""
    section = GLOSSARY.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table]


def headings() -> list[str]:
    return re.findall(r"^## (.+)$", GLOSSARY.read_text(), re.MULTILINE)


WHERE, AVOID = "Where is ...", "Words that are not names"
NOUNS = [row for heading in headings() if heading not in {WHERE, AVOID} for row in rows(heading)]
AVOIDED = {word: kind for word, kind, _ in rows(AVOID)}


def package(name: str) -> list[Module]:
    return [module for module in MODULES if module.package == name]


def home(path: PurePosixPath, name: str) -> str:
    """A file's path; files that are a pair on purpose have one path for both."""
    pair = PAIRS.get(name, ())
    return str(PurePosixPath(name, pair[0], *path.parts[2:])) if path.parent.name in pair else str(path)


def named() -> Iterator[tuple[str, str, str]]:
    """Every class, function and module of the product: its kind, its name, its file."""
    for module in MODULES:
        yield "module", module.path.stem, str(module.path)
        yield from (("class", node.name, str(module.path)) for node in module.classes())
        yield from (("function", node.name, str(module.path)) for node in module.functions())


NAMED = list(named())


def refused(word: str, kind: str, name: str) -> bool:
    """Whether the glossary refuses a name of this kind because of the word."""
    if name.startswith("__"):
        return False  # Python's own
    if AVOIDED[word] == "name":
        return words(name) == (word,)
    return word in words(name) and (AVOIDED[word] == "any" or kind != "function")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_public_class_has_its_name_in_two_files_of_a_package(name: str) -> None:
    assert shared(class_names(package(name), public=True)) == {}


@pytest.mark.parametrize("name", PACKAGES)
def test_no_file_name_stands_twice_in_a_package(name: str) -> None:
    names = [(stem, home(PurePosixPath(path), name)) for stem, path in file_names(package(name))]
    assert shared(names) == {}


@pytest.mark.parametrize("word", sorted(AVOIDED))
def test_no_name_is_a_word_that_says_nothing(word: str) -> None:
    assert [f"{path}: {name}" for kind, name, path in NAMED if refused(word, kind, name)] == []


def test_a_refused_word_is_seen() -> None:
    assert refused("found", "function", "_found")
    assert not refused("found", "class", "NotFound")
    assert refused("crew", "function", "start_crew")
    assert not refused("call", "function", "__call__")
    assert refused("watch", "class", "DegradationWatch")
    assert not refused("watch", "function", "watch_clock")


@pytest.mark.parametrize(("noun", "meaning", "link"), NOUNS, ids=[row[0] for row in NOUNS])
def test_every_noun_has_a_sentence_and_a_home(noun: str, meaning: str, link: str) -> None:
    assert noun
    assert meaning.endswith((".", ".)"))
    paths = homes(link)
    assert paths
    assert all((ROOT / "docs" / path).is_file() for path in paths)


def test_the_glossary_has_each_noun_once() -> None:
    nouns = [row[0] for row in NOUNS]
    assert len(nouns) == len(set(nouns)) >= 40


@pytest.mark.parametrize("row", rows(WHERE), ids=lambda row: row[0])
def test_a_question_is_answered_by_at_most_two_files(row: tuple[str, ...]) -> None:
    question, _, links = row
    assert question.endswith("?")
    assert 1 <= len(homes(links)) <= 2
    assert all((ROOT / "docs" / path).is_file() for path in homes(links))


def homes(links: str) -> list[str]:
    """The paths of Markdown links; each says where it leads."""
    found = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", links)
    assert all(path == f"../{text}" for text, path in found)
    return [path for _, path in found]


@pytest.mark.parametrize(
    "module", [module for module in MODULES if module.path.name == "__init__.py"], ids=lambda module: module.dotted
)
def test_a_package_names_modules_that_it_has(module: Module) -> None:
    paths = re.findall(r"``([\w/]+(?:\.py|/))``", ast.get_docstring(module.tree) or "")
    assert [path for path in paths if not (ROOT / module.folder / path).exists()] == []
