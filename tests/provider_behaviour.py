"""What every provider with an English voice does; a module's own fixture ``provider`` is asked."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from server.errors import NothingToSpeak, TextTooLong
from server.providers.provider import Provider
from tests.provider_speech import TEXTS, joined, say


class EveryProvider:
    async def test_speed_shortens_and_lengthens(self, provider: Provider) -> None:
        """A phoneme lasts at least one frame of a dozen milliseconds, so twice the speed is not quite half the time."""
        normal, fast, slow = [sum(c.seconds for c in await say(provider, TEXTS[2], speed)) for speed in (1.0, 2.0, 0.5)]
        assert 0.45 < fast / normal < 0.75
        assert 1.5 < slow / normal < 2.1

    @pytest.mark.parametrize(
        "text", ["1234567890", "9" * 60, "a" * 300, "word " * 80, "I", "x\u0301\u0301\u0301 y", "1/2/" * 50]
    )
    async def test_odd_texts_are_spoken(self, provider: Provider, text: str) -> None:
        chunks = await say(provider, text)
        assert np.abs(joined(chunks)).max() > 0.05
        assert max(chunk.seconds for chunk in chunks) < 45

    @pytest.mark.parametrize("text", ["...", "!?!", "—", " \n\t ", "“”"])
    async def test_there_must_be_something_to_speak(self, provider: Provider, text: str) -> None:
        with pytest.raises(NothingToSpeak):
            await say(provider, text)

    async def test_text_that_would_run_past_the_limit_is_refused_unspoken(self, provider: Provider) -> None:
        for text in ("word " * 3_000, "9" * 5_000, "No. " * 1_000):
            with pytest.raises(TextTooLong) as caught:
                await say(provider, text)
            assert text[:4] not in str(caught.value)

    async def test_nothing_of_the_text_is_logged(self, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            await say(provider, "Canary ꙮ 字 xylophone.")
        assert "anary" not in caplog.text
        assert "ꙮ" not in caplog.text
