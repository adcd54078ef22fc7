"""Arithmetic of language runs: the ranges of a text that are in other languages than the rest."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from server.utterance import LanguageRun, Verbalization

Spans = Sequence[tuple[int, int]]


def aligned(runs: Sequence[LanguageRun], fixed: Sequence[Verbalization]) -> list[LanguageRun]:
    """Returns the runs, none of which begins or ends within one of ``fixed``."""
    if not fixed:
        return list(runs)
    starts = [each.start for each in fixed]
    moved: list[LanguageRun] = []
    for run in runs:
        start = max(_around(fixed, starts, run.start)[0], moved[-1].stop if moved else 0)
        stop = _around(fixed, starts, run.stop)[1]
        if start < stop:
            moved.append(replace(run, start=start, stop=stop))
    return moved


def _around(fixed: Sequence[Verbalization], starts: Sequence[int], position: int) -> tuple[int, int]:
    """Returns the range of ``fixed`` in which a position lies; the position twice if there is none."""
    index = bisect_right(starts, position) - 1
    if index >= 0 and fixed[index].start < position < fixed[index].stop:
        return fixed[index].start, fixed[index].stop
    return position, position


def overlapping(runs: deque[LanguageRun], start: int, stop: int) -> list[LanguageRun]:
    """Returns the parts of runs between two positions, counted from ``start``; removes the runs that end there.

    It is called for one range after the other.
    """
    parts = []
    while runs and runs[0].start < stop:
        run = runs[0]
        if run.stop > start:
            parts.append(replace(run, start=max(run.start, start) - start, stop=min(run.stop, stop) - start))
        if run.stop > stop:
            break
        runs.popleft()
    return parts


def sections(length: int, language: str, runs: Sequence[LanguageRun]) -> Iterator[tuple[int, int, str]]:
    """Yields the ranges of a text of this length, each with its language: the runs and what lies between them."""
    position = 0
    for run in runs:
        if position < run.start:
            yield position, run.start, language
        yield run.start, run.stop, run.language
        position = run.stop
    if position < length:
        yield position, length, language


def section_ends(
    ends: Sequence[int], text: str, runs: Sequence[LanguageRun], spans: Callable[[str, str], Spans]
) -> list[int]:
    """Returns where sentences end: ``ends`` outside the runs, and within each run what ``spans`` says of its text."""
    result, index = [], 0
    for run in runs:
        while index < len(ends) and ends[index] <= run.start:
            result.append(ends[index])
            index += 1
        while index < len(ends) and ends[index] < run.stop:
            index += 1
        result += [run.start + stop for _, stop in spans(text[run.start : run.stop], run.language)[:-1]]
    return [*result, *ends[index:]]


def language_at(runs: Sequence[LanguageRun], written: str, position: int, language: str) -> str:
    """Returns the language of a word that stands at a position; empty if it is ``language``.

    That of its first letter or digit decides.
    """
    first = position + next((at for at, character in enumerate(written) if character.isalnum()), 0)
    index = bisect_right(runs, first, key=lambda run: run.start) - 1
    if index < 0 or first >= runs[index].stop or runs[index].language == language:
        return ""
    return runs[index].language
