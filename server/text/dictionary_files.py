"""Files of pronunciations: CSV, W3C's Pronunciation Lexicon Specification (PLS 1.0), and NVIDIA's text dictionaries.

- ``.csv``: a row for each entry, with columns of COLUMNS; ``text`` and one of ``say`` and ``ipa`` are needed.
- ``.pls``: https://www.w3.org/TR/pronunciation-lexicon/; of several pronunciations the preferred one, else the first.
- ``.txt``: a word, two spaces and its phonemes in each line, as NVIDIA's speech clients have it. The language is in the
  file's name: ``brands.en-us.txt``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from server.errors import ComponentError
from server.text.lexicon import Pronunciation

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

COLUMNS = ("text", "say", "ipa", "language", "case", "whole_word")
MAX_BYTES = 4 * 1024 * 1024
"""The largest file."""
MAX_ENTRIES = 20_000
"""The most entries of all files, which take 2 KB of memory each."""
LANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:-[a-z0-9]{1,8}){0,4})?")
PLS = "{http://www.w3.org/2005/01/pronunciation-lexicon}"
XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_BOOLEANS = {"": None, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class DictionaryError(ComponentError):
    """A file of pronunciations can't be used; the message names the place in it and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class DictionaryEntry:
    """A pronunciation of one language."""

    pronunciation: Pronunciation
    language: str = ""
    """BCP 47 in lower case; empty for every language."""

    def fits(self, language: str) -> bool:
        """Whether it is for texts in ``language``: "en" and "en-us" fit each other, "en-gb" and "en-us" don't."""
        return not self.language or related(self.language, language)


def related(first: str, second: str) -> bool:
    """Whether one of two languages is the other, or a kind of it."""
    own, other = f"{first}-", f"{second}-"
    return own.startswith(other) or other.startswith(own)


def read(path: Path) -> list[DictionaryEntry]:
    """Returns the entries of a file. Raises DictionaryError, and OSError."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DictionaryError(f"the file's name must end in {', '.join(READERS)}")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DictionaryError(f"the file is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DictionaryError(f"the file is not UTF-8 at byte {error.start}") from None
    entries = list(islice(reader(text, path), MAX_ENTRIES + 1))
    if len(entries) > MAX_ENTRIES:
        raise DictionaryError(f"the file has more than {MAX_ENTRIES} entries")
    return entries


def write_csv(entries: Sequence[DictionaryEntry]) -> str:
    """Returns entries as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        said = entry.pronunciation
        flags = [str(flag).lower() for flag in (said.case, said.whole_word)]
        writer.writerow([said.text, said.say, said.ipa, entry.language, *flags])
    return file.getvalue()


def _read_csv(text: str, path: Path) -> Iterator[DictionaryEntry]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if "text" not in header or len(set(header)) < len(header) or not set(header) <= set(COLUMNS):
            raise DictionaryError(f"line 1: the columns must be text and others of {', '.join(COLUMNS)}")
        for row in rows:
            if any(row):
                if len(row) > len(header):
                    raise DictionaryError(f"line {rows.line_num}: there are more fields than columns")
                fields = dict(zip(header, map(str.strip, row), strict=False))
                yield _entry(f"line {rows.line_num}", fields)
    except csv.Error:
        raise DictionaryError(f"line {rows.line_num}: it is not CSV") from None


def _read_text(text: str, path: Path) -> Iterator[DictionaryEntry]:
    language = path.name.lower().split(".")[-2] if path.name.count(".") > 1 else ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        word, separator, phonemes = line.strip().partition("  ")
        if not separator:
            raise DictionaryError(f"line {number}: it must be a word, two spaces and its phonemes")
        yield _entry(f"line {number}", {"text": word, "ipa": phonemes.strip(), "language": language})


def _read_pls(text: str, path: Path) -> Iterator[DictionaryEntry]:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except ParseError as error:
        raise DictionaryError(f"line {error.position[0]}: it is not well-formed XML") from None
    except (DefusedXmlException, ValueError):
        raise DictionaryError("a document type, entities or another encoding are not allowed") from None
    if root.tag != f"{PLS}lexicon":
        raise DictionaryError("the outermost element must be PLS's lexicon")
    language, alphabet = root.get(XML_LANGUAGE, ""), root.get("alphabet", "")
    for number, lexeme in enumerate(root.iterfind(f"{PLS}lexeme"), start=1):
        place = f"lexeme {number}"
        said = [each for each in lexeme if each.tag in {f"{PLS}phoneme", f"{PLS}alias"}]
        if not said:
            raise DictionaryError(f"{place}: it needs a phoneme or an alias")
        chosen = next((each for each in said if each.get("prefer") == "true"), said[0])
        kind = "say" if chosen.tag == f"{PLS}alias" else "ipa"
        if kind == "ipa" and chosen.get("alphabet", alphabet) != "ipa":
            raise DictionaryError(f"{place}: the alphabet must be ipa")
        for grapheme in lexeme.iterfind(f"{PLS}grapheme"):
            fields = {"text": grapheme.text or "", kind: chosen.text or "", "case": "true", "language": language}
            yield _entry(place, fields)


def _entry(place: str, fields: dict[str, str]) -> DictionaryEntry:
    """Returns an entry from its fields as written; empty ones have their default."""
    language = fields.pop("language", "").lower().replace("_", "-")
    if not LANGUAGE.fullmatch(language):
        raise DictionaryError(f"{place}: language must be a code such as en or pt-br")
    values: dict[str, str | bool] = {
        name: value for name, value in fields.items() if name not in {"case", "whole_word"}
    }
    for name in ("case", "whole_word"):
        written = fields.get(name, "").lower()
        if written not in _BOOLEANS:
            raise DictionaryError(f"{place}: {name} must be true or false")
        if (flag := _BOOLEANS[written]) is not None:
            values[name] = flag
    try:
        return DictionaryEntry(Pronunciation.model_validate(values), language)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = "".join(f" {part}:" for part in problem["loc"][:1])
        raise DictionaryError(f"{place}:{name} {problem['msg']}") from None


READERS: dict[str, Callable[[str, Path], Iterator[DictionaryEntry]]] = {
    ".csv": _read_csv,
    ".pls": _read_pls,
    ".txt": _read_text,
}
"""The readers by the end of the file's name."""
