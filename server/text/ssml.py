"""Parses a small part of SSML 1.1 (https://www.w3.org/TR/speech-synthesis11/): the elements of ATTRIBUTES."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from server.errors import InvalidMarkup
from server.pauses import DEFAULT_PAUSES
from server.text import ipa
from server.text.emotions import DEFAULT_TAGS, EmotionTags
from server.text.text_runs import TextRun, joined
from server.utterance import SPEED_RANGE, Passage

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DEPTH, ELEMENTS = 16, 1000
"""The maximum depth and number of elements of a document."""
MAX_PHONEMES = 200
MAX_LANGUAGES = 8
"""The maximum number of languages of a document besides its own; espeak takes some ms for each change."""
STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}
"""Seconds of silence; a break without attributes is medium."""
RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
ATTRIBUTES = {
    "speak": {"version", "lang", "schemaLocation"}, "p": {"lang"}, "s": {"lang"}, "break": {"time", "strength"},
    "say-as": {"interpret-as", "format", "detail"}, "prosody": {"rate"}, "sub": {"alias"},
    "phoneme": {"alphabet", "ph"}, "lang": {"lang", "onlangfailure"},
}  # fmt: skip
OTHERS = frozenset({"audio", "desc", "emphasis", "lexicon", "lookup", "mark", "meta", "metadata", "token", "voice",
                    "w"})  # fmt: skip
"""SSML's other elements, which an error may name; a name that a client made up is not repeated."""
NAMESPACE = "{http://www.w3.org/2001/10/synthesis}"
LIKE_SSML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<speak[\s/>]")
TIME = re.compile(r"\+?(\d{1,6}(?:\.\d{1,3})?)(ms|s)")
RATE = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,3})?)(%?)")
MARKS = ".!?…。！？"  # noqa: RUF001 - full-width ones


def looks_like_ssml(text: str) -> bool:
    """Whether a plain text is most likely SSML that its client forgot to declare."""
    return LIKE_SSML.match(text) is not None


def parse(
    text: str,
    language: str,
    most_seconds: float,
    tags: EmotionTags = DEFAULT_TAGS,
    *,
    paragraph: float = DEFAULT_PAUSES.paragraph,
    languages: Callable[[str], str | None] | None = None,
) -> tuple[Passage, ...]:
    """Returns the passages of a document. Each has a text, except a first one that is only a pause.

    ``language`` is the voice's; ``most_seconds`` is the longest break; ``tags`` are not spoken; ``paragraph`` is the
    pause after a paragraph, in seconds; ``languages`` returns the voice's code for another language, None where it
    can't speak it.
    Raises InvalidMarkup, which names the element.
    """
    root = _tree(text)
    if _name(root) != "speak":
        raise _error("the outermost element must be speak")
    document = _Document(language, most_seconds, tags, paragraph, languages or _none)
    document.read(root)
    return document.finish()


def _tree(text: str) -> Element:
    """Parses a document without a DTD: no entity is expanded, and nothing is fetched."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        raise _error(f"it is not well-formed XML at line {line}, column {column}") from None
    except (DefusedXmlException, ValueError):
        raise _error("a document type or entities are not allowed") from None
    level, depth, count = [root], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > DEPTH or count > ELEMENTS:
            raise _error(f"it may have {ELEMENTS} elements, {DEPTH} deep, at most")
        level = [child for element in level for child in element]
    return root


@dataclass(slots=True)
class _Document:
    """The state of a document while it is read; ``runs`` are not in a passage yet."""

    language: str
    most_seconds: float
    tags: EmotionTags
    paragraph: float
    languages: Callable[[str], str | None]
    spoken: str = ""
    """The language within an element that gives another than the document's; else empty."""
    used: set[str] = field(default_factory=set)
    """All languages but the document's."""
    rate: float = 1.0
    passages: list[Passage] = field(default_factory=list)
    runs: list[TextRun] = field(default_factory=list)
    paragraph_ended: bool = False

    def read(self, element: Element) -> None:
        """Reads the element and its content."""
        name = _name(element)
        _check_attributes(element, name)
        outer, self.spoken = self.spoken, self._language(element, name)
        handlers: dict[str, Callable[[Element], None]] = {
            "speak": self._inside, "s": self._sentence, "p": self._paragraph, "break": self._break,
            "prosody": self._prosody, "sub": self._sub, "say-as": self._say_as,
            "phoneme": self._phoneme, "lang": self._inside,
        }  # fmt: skip
        handlers[name](element)
        self.spoken = outer

    def _language(self, element: Element, name: str) -> str:
        """Returns the language within an element; empty for the document's. Raises InvalidMarkup for one that the voice
        can't speak."""
        written = next((value for key, value in element.attrib.items() if key.endswith("}lang")), None)
        if written is None:
            return self.spoken
        code = written.strip().lower().replace("_", "-")
        if code.partition("-")[0] == self.language.partition("-")[0]:
            return ""
        spoken = self.languages(code)
        if spoken is None:
            others = "" if self.languages is _none else ", or one that the voice can speak"
            raise _error(f"{name}'s xml:lang must be the language of the request{others}")
        self.used.add(spoken)
        if len(self.used) > MAX_LANGUAGES:
            raise _error(f"it may have parts in {MAX_LANGUAGES} other languages at most")
        return spoken

    def finish(self) -> tuple[Passage, ...]:
        self._end(None)
        if self.passages and self.paragraph_ended:
            self.passages[-1] = replace(self.passages[-1], pause=None)
        return tuple(self.passages)

    def _inside(self, element: Element) -> None:
        self._text(element.text)
        for child in element:
            self.read(child)
            self._text(child.tail)

    def _sentence(self, element: Element) -> None:
        self._end(None)
        self._inside(element)
        self._end(None)

    def _paragraph(self, element: Element) -> None:
        self._sentence(element)
        if self.passages and self.passages[-1].pause is None:
            self.passages[-1] = replace(self.passages[-1], pause=self.paragraph)
            self.paragraph_ended = True

    def _break(self, element: Element) -> None:
        _require_empty(element, "break")
        seconds = STRENGTHS["medium"]
        if (strength := element.get("strength")) is not None:
            if strength not in STRENGTHS:
                raise _error(f"break's strength must be one of {', '.join(STRENGTHS)}")
            seconds = STRENGTHS[strength]
        if (written := element.get("time")) is not None:
            match = TIME.fullmatch(written.strip())
            if match is None:
                raise _error("break's time must be like 500ms or 1.5s")
            seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
        if seconds > self.most_seconds:
            raise _error(f"a break may be {self.most_seconds:g} s long at most")
        self._end(seconds)

    def _prosody(self, element: Element) -> None:
        outer = self.rate
        self._end(self._flowing())
        self.rate = outer * _rate(element.get("rate", "medium").strip())
        low, high = SPEED_RANGE
        if not low <= self.rate <= high:
            raise _error(f"prosody's rate must be from {low:g} to {high:g} times the usual one")
        self._inside(element)
        self._end(self._flowing())
        self.rate = outer

    def _sub(self, element: Element) -> None:
        _require_text(element, "sub")
        if (alias := element.get("alias")) is None:
            raise _error("sub needs an alias")
        self.runs.append(TextRun(element.text or "", alias, language=self.spoken))

    def _phoneme(self, element: Element) -> None:
        _require_text(element, "phoneme")
        if element.get("alphabet", "ipa") != "ipa":
            raise _error("phoneme's alphabet must be ipa")
        phonemes = ipa.normalize(element.get("ph", "")[: MAX_PHONEMES + 1])
        if symbol := ipa.unknown_symbol(phonemes):
            name = ipa.named(symbol)
            raise _error(f"phoneme's ph has {name}, which is not a symbol of the International Phonetic Alphabet")
        if not ipa.has_sound(phonemes) or len(phonemes) > MAX_PHONEMES:
            raise _error(f"phoneme needs ph, with 1 to {MAX_PHONEMES} symbols of the International Phonetic Alphabet")
        self.runs.append(TextRun(element.text or "", element.text or "", phonemes, self.spoken))

    def _say_as(self, element: Element) -> None:
        _require_text(element, "say-as")
        language = self.spoken or self.language
        spoken = _spoken_as(element.get("interpret-as", ""), " ".join((element.text or "").split()), language)
        self.runs.append(TextRun(element.text or "", spoken, language=self.spoken))

    def _text(self, text: str | None) -> None:
        if text:
            self.runs.append(TextRun(self.tags.remove(text), language=self.spoken))

    def _flowing(self) -> float | None:
        """Returns the pause where only the pace changes: none within a sentence."""
        written = "".join(run.written for run in self.runs).rstrip()
        return None if written.endswith(tuple(MARKS)) else 0.0

    def _end(self, pause: float | None) -> None:
        """Ends a passage. A pause without text is added to the passage before."""
        text, verbalizations, languages = joined(self.runs)
        self.runs.clear()
        if text:
            self.passages.append(Passage(text, self.rate, pause, verbalizations, languages))
            self.paragraph_ended = False
        elif pause:
            self.paragraph_ended = False
            if not self.passages:
                self.passages.append(Passage("", pause=pause))
                return
            last = self.passages[-1]
            self.passages[-1] = replace(last, pause=(last.pause or 0.0) + pause)


def _spoken_as(kind: str, text: str, language: str) -> str | None:
    """Returns how a say-as element is spoken, or None where the rules for plain text are right."""
    from server.text.numerals import cardinal, ordinal

    match kind:
        case "characters" | "spell-out":
            return " ".join(character.upper() for character in text if not character.isspace())
        case "digits" | "telephone":
            return ", ".join(" ".join(group) for group in re.findall(r"\d+", text)) or None
        case "cardinal" | "ordinal":
            if not re.fullmatch(r"-?\d{1,12}", text):
                raise _error(f"say-as {kind} needs a whole number of at most 12 digits")
            return (cardinal if kind == "cardinal" else ordinal)(int(text), language.partition("-")[0])
        case "date" | "time" | "currency":
            return None
    raise _error(
        "say-as needs interpret-as: characters, spell-out, digits, telephone, cardinal, ordinal, date, time or currency"
    )


def _rate(written: str) -> float:
    if written in RATES:
        return RATES[written]
    match = RATE.fullmatch(written)
    if match is None or (match[1] and not match[3]):
        raise _error(f"prosody's rate must be one of {', '.join(RATES)}, or like 80%, +20% or 1.5")
    number = float(match[2]) / (100 if match[3] else 1)
    return {"": number, "+": 1 + number, "-": 1 - number}[match[1]]


def _name(element: Element) -> str:
    name = str(element.tag).removeprefix(NAMESPACE)
    if name in ATTRIBUTES:
        return name
    description = name if name in OTHERS else "an element that is not SSML's"
    raise _error(f"{description} can't be used; there are {', '.join(ATTRIBUTES)}")


def _none(_: str) -> None:
    """Returns the code of no language."""


def _check_attributes(element: Element, name: str) -> None:
    for attribute in element.attrib:
        if attribute.rpartition("}")[2] not in ATTRIBUTES[name]:
            allowed = ", ".join(sorted(ATTRIBUTES[name])) or "none"
            raise _error(f"{name} has an attribute that can't be used; there are: {allowed}")


def _require_empty(element: Element, name: str) -> None:
    if len(element) or (element.text or "").strip():
        raise _error(f"{name} must be empty")


def _require_text(element: Element, name: str) -> None:
    if len(element) or not (element.text or "").strip():
        raise _error(f"{name} must hold text and no element")


def _error(problem: str) -> InvalidMarkup:
    return InvalidMarkup(f"SSML: {problem}", param="text")
