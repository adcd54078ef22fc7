"""SSML documents: well-formed ones of the elements that there are, and what becomes of them by mutation."""

from __future__ import annotations

import random
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from server.errors import SpeechError
from server.text import ssml
from server.text.normalize import check as check_text
from server.text.normalize import normalize
from server.text.reading import read_text
from tests.fuzz import mutation, texts
from tests.fuzz.target import Target

ATTRIBUTES = {
    "speak": {"version": ("1.1", "2", ""), "xml:lang": ("en", "de", "", "xx-" * 30), "xmlns": ("http://www.w3.org/2001/10/synthesis", "")},
    "p": {}, "s": {"xml:lang": ("en", "fr")}, "sub": {"alias": ("World Wide Web", "", "a." * 97, "\u202e")},
    "break": {"time": ("1s", "500ms", "-1s", "1e9s", "999999s", "NaNs", ""), "strength": ("weak", "x-strong", "none", "W")},
    "prosody": {"rate": ("fast", "50%", "+10%", "-100%", "1e308", "0", "9999%"), "pitch": ("high",), "volume": ("loud",)},
    "say-as": {"interpret-as": ("characters", "cardinal", "ordinal", "digits", "date", "time", "telephone", "currency",
                                "spell-out", "expletive", ""), "format": ("mdy", "dmy", "y"), "detail": ("1", "x")},
    "voice": {"name": ("joe",)}, "phoneme": {"ph": ("h@l",)}, "emphasis": {"level": ("strong",)}, "audio": {"src": ("file:///etc/passwd",)},
    "mark": {"name": ("x",)}, "lexicon": {"uri": ("http://127.0.0.1/",)}, "äöü": {}, "x:y": {},
}  # fmt: skip
PROLOGUES = (
    "", "", "", "", '<?xml version="1.0"?>', '<?xml version="1.1" encoding="UTF-16"?>', "<!DOCTYPE speak>", "<!-- - -->",
    '<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>', '<!DOCTYPE s SYSTEM "file:///etc/passwd">', "<?x?>", "\ufeff",
)  # fmt: skip
NUMBERS = (
    "12",
    "1999",
    "0",
    "1000000000000",
    "-7",
    "3.14",
    "12/31/1999",
    "31.12.1999",
    "12:34",
    "+49 30 123",
    "$3.50",
    "1" * 300,
)
SNIPPETS = ("<speak>", "</speak>", "<s>", "</p>", "<break/>", "&amp;", "&#0;", "&#x1F600;", "&#xD800;", "&b;", "<![CDATA[", "]]>",
            "<!--", "-->", "<", ">", "&", '"', "'", "=", "\u200d", "<a:b xmlns:a=''/>", "<s s='", " ")  # fmt: skip


def make(rng: random.Random) -> bytes:
    """Every second document is damaged."""
    document = rng.choice(PROLOGUES) + _element(rng, "speak", rng.choice((1, 2, 4, 6)))
    if rng.random() < 0.1:
        name, depth = rng.choice(list(ATTRIBUTES)), rng.choice((15, 17, 100, 3000))
        document = f"<speak>{f'<{name}>' * depth}a{f'</{name}>' * depth}</speak>"
    if rng.random() < 0.5:
        document = mutation.mutated_text(rng, document, SNIPPETS)
    return texts.possible(document)[:20_000].encode()


def check(data: bytes) -> None:
    """A document is refused, or becomes passages that can be read."""
    text = data.decode()
    check_text(text)
    try:
        passages = ssml.parse(text, "en", 10.0)
        spoken = normalize(" ".join(passage.text for passage in passages))
    except SpeechError as refusal:
        assert refusal.status == 422
        return
    assert spoken
    for passage in passages:
        read_text(passage.text, "en", passage.verbalizations)


def known() -> Iterator[tuple[str, bytes]]:
    """Documents that are deep, wide or full of what is dear to read."""
    yield "deep", b"<speak>" * 5_000 + b"</speak>" * 5_000
    yield "wide", b"<speak>" + b"<break/>" * 20_000 + b"</speak>"
    yield "attributes", b"<speak " + b" ".join(b'a%d=""' % number for number in range(5_000)) + b"/>"
    yield "cardinals", b"<speak>" + b'<say-as interpret-as="cardinal">999999999999</say-as>' * 900 + b"</speak>"
    yield "entities", b'<!DOCTYPE s [<!ENTITY a "' + b"a" * 10_000 + b'">]><speak>' + b"&a;" * 1_000 + b"</speak>"


def _element(rng: random.Random, name: str, depth: int) -> str:
    chosen = [(each, rng.choice(values)) for each, values in ATTRIBUTES[name].items() if rng.random() < 0.6]
    written = "".join(f" {each}={quoteattr(value)}" for each, value in chosen)
    inside = [_inside(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 5)))]
    return f"<{name}{written}>{''.join(inside)}</{name}>"


def _inside(rng: random.Random, depth: int) -> str:
    kind = rng.random()
    if depth > 0 and kind < 0.5:
        return _element(rng, rng.choice(list(ATTRIBUTES)), depth)
    if kind < 0.7:
        return rng.choice(NUMBERS)
    return (
        escape(texts.text(rng)[: rng.choice((5, 50, 500))])
        if kind < 0.8
        else rng.choice(("Hello.", " one", "A. B.", "\n"))
    )


TARGET = Target("markup", make, check, share=0.14, known=known)
