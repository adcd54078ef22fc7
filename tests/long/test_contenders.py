"""The servers that bench compares with say the same as ours, as clearly, in as much time: a fair comparison."""

from __future__ import annotations

import numpy as np
import pytest

from bench.clients.load import send, session_to
from bench.clients.passage import Reader
from bench.clients.recording import read_wav
from bench.targets.contenders import Contender, MissingError, contenders
from bench.targets.process import running
from tests.recognition import errors, recognise, words

TEXTS = Reader(seed=4).mixed(8)
WAV_HEADER = 44


async def listen(side: Contender) -> tuple[float, float]:
    """Seconds of audio, and the word error rate."""
    seconds, wrong = 0.0, 0
    async with running(side.program) as server, session_to(server.url, 120.0) as session:
        for text in TEXTS:
            reply = await send(session, side.request(text))
            recording = read_wav(reply.body)
            seconds += recording.sounding_seconds
            samples = np.frombuffer(reply.body, "<i2", offset=WAV_HEADER).astype(np.float32) / 32768
            wrong += errors(words(text), recognise(samples, recording.sample_rate))
    return seconds, wrong / sum(len(words(text)) for text in TEXTS)


@pytest.mark.timeout(900)
async def test_all_say_the_same():
    try:
        sides = contenders()
    except MissingError as missing:
        pytest.skip(str(missing))
    heard = [await listen(side) for side in sides]
    print(dict(zip((side.name for side in sides), heard, strict=True)))
    (seconds, wrong), *others = heard
    for other_seconds, other_wrong in others:
        assert other_seconds == pytest.approx(seconds, rel=0.05)
        assert other_wrong == pytest.approx(wrong, abs=0.06)
