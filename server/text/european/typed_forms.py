"""What is typed: web and mail addresses, files, hashtags, by the patterns of the English rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from server.text.english import electronic
from server.text.european.language import Language
from server.text.european.number_forms import spaced
from server.text.rules import Rule

_CLOSING = ".,;:!?)]}'\"\u201d\u2019»"
_HASHTAG = re.compile(r"\d+|[A-ZÀ-Þ]?[a-zß-ÿ]+|[A-ZÀ-Þ]+(?![a-zß-ÿ])|[^\W\d_]+")


def rules(language: Language) -> tuple[Rule, ...]:
    """Returns the rules of addresses, which come before all others."""

    def words(address: str) -> str:
        spoken: list[str] = []
        for piece in re.findall(r"\d+|[^\W\d_]+|[^\w\s]|_", address):
            country = len(piece) == 2 and spoken[-1:] == [language.marks["."]] and piece.isalpha()
            if piece.isdigit():
                spoken.append(piece if len(piece) <= 4 and piece[0] != "0" else spaced(piece))
            elif country and piece.lower() not in language.domains:
                spoken.append(spaced(piece.upper()))
            else:
                spoken.append(language.marks.get(piece, piece))
        return " ".join(spoken)

    def typed(match: re.Match[str]) -> str:
        address = match[0].rstrip(_CLOSING)
        return words(address) + match[0][len(address) :]

    def web(match: re.Match[str]) -> str:
        """Reads a web address without its scheme and "www"."""
        address = match[0].rstrip(_CLOSING)
        bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", address, flags=re.IGNORECASE).rstrip("/")
        return words(bare if any(map(str.isalnum, bare)) else address) + match[0][len(address) :]

    def domain(match: re.Match[str]) -> str | None:
        ambiguous = match["end"] in electronic.AMBIGUOUS and not match["path"] and match[0] != match[0].lower()
        return None if ambiguous else web(match)

    def hashtag(match: re.Match[str]) -> str:
        return f"{language.marks['hashtag']} {' '.join(_HASHTAG.findall(match[1]))}"

    def handle(match: re.Match[str]) -> str:
        return f"{language.marks['@']} {words(match[1])}"

    readers: dict[str, Callable[[re.Match[str]], str | None]] = {
        "url": web, "email": typed, "domain": domain, "path": typed, "hashtag": hashtag, "handle": handle,
    }  # fmt: skip
    return tuple(replace(form, read=readers[form.name]) for form in electronic.RULES)
