"""Tests that pages that depend only on the voices are rendered once for each set of voices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, cast

from server.routes.pages import Page
from server.utterance import Voice
from tests.humming_provider import JOE, KAN


class Voices:
    """A stub of the synthesizer."""

    def __init__(self) -> None:
        self.known = {JOE.name: JOE}

    @property
    def installed(self) -> dict[str, Voice]:
        return dict(self.known)


async def test_a_page_is_made_once_until_the_voices_change() -> None:
    voices, made = Voices(), []

    def render(known: Mapping[str, Voice]) -> str:
        made.append(threading.current_thread())
        return " ".join(known)

    page = Page(cast("Any", voices), render, "text/html", "default-src 'none'")
    assert made == []
    for known, text in (({"joe": JOE}, b"joe"), ({"joe": JOE, "kan": KAN}, b"joe kan"), ({"kan": KAN}, b"kan")):
        voices.known = known
        made.clear()
        answers = await asyncio.gather(*(page.answer() for _ in range(20)))
        assert [answer.body for answer in answers] == [text] * 20
        assert len(made) == 1
        assert made[0] is not threading.current_thread()
    assert answers[0].headers["Content-Security-Policy"] == "default-src 'none'"
    assert answers[0].headers["Content-Type"] == "text/html; charset=utf-8"
