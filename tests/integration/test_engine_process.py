"""The engine's real process, with the real voice: it takes steps, and ends when it should and not before."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import pytest_asyncio

from server.engine import client as client_module
from server.engine.client import EngineClient
from server.errors import EngineFailed, ShuttingDown, VoiceError
from server.scheduling.engine import Decode, Encode, EngineLost, Refine, Sentence, WordSpan
from server.text.phonemes import Phonemizer
from tests.halted import halt

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXTS = ("Hello world.", "The old man walked slowly along the river bank and watched the boats.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(voices_folder: Path) -> AsyncIterator[EngineClient]:
    engine = EngineClient()
    assert await engine.start("cpu", 2, logging.INFO) == "cpu"
    folder = voices_folder / "joe"
    loaded = await engine.load("joe", folder / "config.json", folder / "model.pth")
    assert loaded.sample_rate == 22050
    ids, _ = loaded.vocabulary.encode(Phonemizer().phonemize(TEXTS[0], "en-us")[0])
    assert 0.5 < await engine.speak("joe", ids) < 3
    finished = await engine.prepare_decoder("joe", ids)
    assert finished.arithmetic.number_format in ("float32", "bfloat16")
    assert finished.rate > 0
    await engine.end_loading()
    yield engine
    await engine.close()
    assert engine._process is not None
    assert engine._process.returncode == 0


def sentences(engine: EngineClient) -> list[Sentence]:
    vocabulary, phonemizer = engine._voices["joe"].vocabulary, Phonemizer()
    ids = [tuple(vocabulary.encode(phonemizer.phonemize(text, "en-us")[0])[0]) for text in TEXTS]
    return [Sentence("joe", ids[0], words=(WordSpan("Hello", 0, 4),)), Sentence("joe", ids[1])]


async def test_it_takes_the_schedules_steps_with_workers_beside_each_other(engine: EngineClient) -> None:
    steps = [Encode(sentence) for sentence in sentences(engine)]
    batches = await asyncio.gather(*(engine.run(worker, [step], 1) for worker, step in enumerate(steps)))
    latents = [each.results[0] for each in batches]
    assert latents[0].ends[-1] == latents[0].frames
    assert not latents[1].ends
    assert engine.bucket(steps[0]) != engine.bucket(steps[1])
    inside = [Decode(latents[1], start, start + 20) for start in (20, 40)]
    assert engine.bucket(inside[0]) == engine.bucket(inside[1]) != engine.bucket(Decode(latents[1], 0, 20))
    for step, latent in zip(steps, latents, strict=True):
        assert engine.size(step) == len(step.sentence.ids)
        assert engine.max_batch(step) == 1
        assert (await engine.run(0, [Refine(latent, 0, latent.frames)], 1)).results == [None]
        last = await engine.run(1, [Decode(latent, 0, latent.frames)], 2)
        [samples] = last.results
        assert samples.dtype == np.float32
        assert 0.02 < float(np.sqrt(np.mean(samples**2))) < 0.5
        assert len(samples) / 22050 == pytest.approx(latent.frames * latent.frame_seconds)
        assert batches[0].start < batches[0].end < last.start < last.end


async def test_what_is_dropped_here_is_dropped_there(engine: EngineClient) -> None:
    [latent] = (await engine.run(0, [Encode(sentences(engine)[0])], 1)).results
    key = latent.key
    del latent
    assert engine._released[-1] == key
    [other] = (await engine.run(1, [Encode(sentences(engine)[0])], 1)).results
    assert engine._released == []
    other.key, kept = key, other.key
    with pytest.raises(EngineFailed, match=r"^the speech engine failed$"):
        await engine.run(0, [Refine(other, 0, 1)], 1)
    other.key = kept


async def test_files_that_are_no_voice_are_told_as_such(engine: EngineClient, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(VoiceError, match=r"config\.json"):
        await engine.load("none", tmp_path / "config.json", tmp_path / "model.pth")


@pytest.mark.parametrize(("device", "reason"), [("cuda:99", "GPUs"), ("tpu", "there is no device 'tpu'")])
async def test_a_device_that_is_not_there(device: str, reason: str) -> None:
    engine = EngineClient()
    with pytest.raises(EngineFailed, match=reason):
        await engine.start(device, 1, logging.INFO)
    await engine.close()


async def test_signals_to_the_whole_group_are_the_servers_to_answer(engine: EngineClient) -> None:
    assert engine._process is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        engine._process.send_signal(number)
    assert await engine.run(0, [Encode(sentences(engine)[0])], 1)


async def test_a_process_that_is_killed_is_a_lost_engine() -> None:
    engine = EngineClient()
    starting = asyncio.create_task(engine.start("cpu", 1, logging.INFO))
    while engine._process is None:
        await asyncio.sleep(0.01)
    engine._process.kill()
    with pytest.raises(EngineLost):
        await starting
    await engine.close()


async def test_a_process_that_stalls_is_killed_and_lost(engine: EngineClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LOOK_SECONDS", 0.01)
    stalled = EngineClient(stall_seconds=0.5)
    assert await stalled.start("cpu", 2, logging.INFO) == "cpu"
    await stalled.end_loading()
    assert stalled._process is not None
    halt(psutil.Process(stalled._process.pid))
    taking = asyncio.create_task(stalled.run(1, [Encode(sentences(engine)[0])], 1))
    with pytest.raises(EngineLost, match="has not answered"):
        await taking
    assert isinstance(await stalled.lost, EngineLost)
    await stalled.kill(EngineLost("the test is over"))
    assert stalled._process.returncode == -signal.SIGKILL
    await stalled.kill(EngineLost("and again"))


async def test_a_process_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "STOP_SECONDS", 0.2)
    engine = EngineClient()
    starting = asyncio.create_task(engine.start("cpu", 1, logging.INFO))
    while engine._process is None:
        await asyncio.sleep(0.01)
    halt(psutil.Process(engine._process.pid))
    await engine.close()
    assert engine._process.returncode == -signal.SIGKILL
    with pytest.raises(ShuttingDown):
        await starting
