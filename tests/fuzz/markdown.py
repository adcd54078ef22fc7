"""Plain texts and Markdown with structure: what a chat model writes, and what becomes of it by mutation."""

from __future__ import annotations

import random
from collections.abc import Iterator

from server.errors import SpeechError
from server.text.reading import read_text
from server.text.script import ScriptParser
from tests.fuzz import mutation, texts
from tests.fuzz.target import Target

LINES = (
    "# Title **bold**", "Title\n=====", "- item", "  - [x] inner *item*", "1. first", "10) tenth", "a) letter", "> quote",
    "> - quoted item", "| a | b \\| c |\n|---|:-:|\n| `d` | |", "Name\tAge\nAnn\t5", "```python\nx = 1 * 2\n```", "    code",
    "See [the docs](https://example.com/a_(b) \"c\") and ![tree](x.png).", "<https://a.org> &amp; &#x41; \\*",
    "<div class='a'>\nhi <b>you</b>\n</div>", "[ref]: http://x.y 'z'", "***", "(happy) Hello (WHO) (sad).", "", "", "",
)  # fmt: skip
SNIPPETS = ("*", "**", "_", "`", "```", "~~", "[", "](", ")", "![", "<", ">", "<!--", "-->", "&", ";", "\\", "|", "|-|", "\t", "\n",
            "\r", "\u2028", "> ", "- ", "1. ", "# ", "    ", "(happy)", "<script>", "\u0301", "\u200d", "()")  # fmt: skip
PARSER = ScriptParser()


def make(rng: random.Random) -> bytes:
    """Every second text is damaged."""
    lines = [rng.choice(LINES) if rng.random() < 0.8 else texts.text(rng)[:200] for _ in range(rng.randrange(1, 40))]
    document = "\n".join(lines)
    if rng.random() < 0.1:
        document = rng.choice(SNIPPETS) * rng.choice((10, 100, 3000)) + document
    if rng.random() < 0.5:
        document = mutation.mutated_text(rng, document, SNIPPETS)
    return texts.possible(document)[:20_000].encode()


def check(data: bytes) -> None:
    """A text is refused, or becomes passages that can be read, whose words are in the source."""
    text = data.decode()
    for kind in ("text", "markdown"):
        try:
            script = PARSER.parse(text, kind, "en")
        except SpeechError as refusal:
            assert refusal.status in (400, 422)
            continue
        assert script.text
        assert len(script.spans()) == len(script.text.split())
        script.omissions()
        for passage in script.passages:
            read_text(passage.text, "en")


def known() -> Iterator[tuple[str, bytes]]:
    """Texts that are dear to parse."""
    for part in ("[", "![", "*a ", "> ", "- ", "- a\n", "`a", "<a ", "<!--", "|", "&#", "[a]: b\n", "(happy", "a\n\n"):
        yield part, (part * 20_000)[:20_000].encode()


TARGET = Target("markdown", make, check, share=0.06, known=known)
