"""``python -m tools.house [CHECKOUT]`` prints the shape of the code: names, rooms, sizes, and the way of a request.

With two checkouts it prints both side by side: ``python -m tools.house BEFORE AFTER``. What each row counts is said
where it is counted: names.py, trip.py, seams.py.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tools import names, seams, trip
from tools.checkout import PACKAGES, SPECIAL, Module, modules
from tools.report import Row, main

THIN = 45
"""Lines up to which a module may not be worth a file."""


def rows(measured: Sequence[Module]) -> list[Row]:
    """What is measured, and its value, of the modules of a checkout."""
    return [row for group in (_names, _rooms, _sizes, _language, _way) for row in group(measured)]


def _names(measured: Sequence[Module]) -> Iterator[Row]:
    yield "classes that share their name with a class of another file", _share(names.class_names(measured))
    yield "... public ones", _share(names.class_names(measured, public=True))
    for package, members in _by_package(measured):
        yield f"... public ones, within {package}/", _share(names.class_names(members, public=True))
    yield "files that share their name with another file", _share(names.file_names(measured))
    for package, members in _by_package(measured):
        yield f"... within {package}/", _share(names.file_names(members))


def _rooms(measured: Sequence[Module]) -> Iterator[Row]:
    folders = Counter(module.folder for module in measured)
    largest, most = folders.most_common(1)[0]
    yield "files", str(len(measured))
    yield "folders", str(len(folders))
    yield "files per folder, mean", f"{len(measured) / len(folders):.1f}"
    yield "files per folder, most", f"{most} ({largest}/)"
    yield (
        "modules that stand in server/ itself",
        str(sum(module.folder == "server" and module.path.stem not in SPECIAL for module in measured)),
    )


def _sizes(measured: Sequence[Module]) -> Iterator[Row]:
    longest = max(measured, key=lambda module: module.lines)
    lines, function = max(
        (node.end_lineno - node.lineno + 1, f"{module.path}:{node.name}")
        for module in measured
        for node in module.functions()
        if node.end_lineno is not None
    )
    yield "lines", str(sum(module.lines for module in measured))
    yield "longest module, lines", f"{longest.lines} ({longest.path})"
    yield "longest function, lines", f"{lines} ({function})"
    yield (
        f"modules of at most {THIN} lines",
        str(sum(module.lines <= THIN and module.path.stem not in SPECIAL for module in measured)),
    )


def _language(measured: Sequence[Module]) -> Iterator[Row]:
    texts = [text for module in measured for text in names.docstrings(module)]
    bindings = [name for module in measured for name in names.bindings(module)]
    generic = Counter(name for name in bindings if name in names.GENERIC)
    yield "docstrings without a subject", _ratio(sum(map(names.is_tail, texts)), len(texts))
    yield "generic names", _ratio(generic.total(), len(bindings))
    yield "... most used", ", ".join(f"{name} {count}" for name, count in generic.most_common(5))


def _way(measured: Sequence[Module]) -> Iterator[Row]:
    corridor = trip.on_the_way(measured)
    carriers = trip.carriers(corridor)
    yield "types that carry a request's text or audio", str(len(carriers))
    yield "files that handle them", str(len(trip.files(corridor, carriers)))
    counts = seams.arguments(measured)
    for seam, seam_arguments in counts.items():
        yield (
            f"arguments where {seam}",
            f"{seam_arguments[1]} ({seam_arguments[0]})" if seam_arguments else "no such seam",
        )
    yield (
        "arguments of these seams together",
        str(sum(seam_arguments[1] for seam_arguments in counts.values() if seam_arguments)),
    )


def _by_package(measured: Iterable[Module]) -> list[tuple[str, list[Module]]]:
    return [(package, [module for module in measured if module.package == package]) for package in PACKAGES]


def _share(pairs: Sequence[tuple[str, str]]) -> str:
    shared = names.shared(pairs)
    return _ratio(sum(name in shared for name, _ in pairs), len(pairs))


def _ratio(count: int, of: int) -> str:
    return f"{count} of {of} ({100 * count / of:.1f} %)" if of else "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], lambda checkout: rows(modules(checkout))))
