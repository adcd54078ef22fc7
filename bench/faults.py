"""``python -m bench.faults``: which detector finds which fault of the speech, and after how many clips.

Real voices speak sentences; each clip is then spoiled as a broken model, decoder or build would. The detectors are
those of the server: the quality gate, the verification of words, and the means of pace, word error rate and DNSMOS. The
table is for docs/verification.md. It needs the extra verify, and takes 20 minutes of a core.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr

from bench.clients.texts import PROSE
from otel.contract.recognition_values import MosAspect
from probe import rating
from probe.sentences import FIXED, generated
from server.audio.quality import Inspector
from server.providers.coqui import CoquiProvider
from server.providers.hibari import HibariVoice
from server.providers.packaged import PackagedProvider
from server.providers.provider import Provider
from server.utterance import Chunk, Listener, Samples, Utterance
from server.verification.recognisers import is_sound
from server.verification.recognition import pool, recognise
from server.voices.catalogue import Catalogue

SOUND = "sound"
FALSE_ALARM, MISS = 3.72, 1.28
"""Standard deviations: a mean is said to have changed once it is so far off that chance does it in one of 10,000 sound
windows, and is missed in one of 10."""
MOST = 1000
"""The clips beyond which a fault counts as not found."""
STRETCH = 0.8
"""Seconds of a phrase that is dropped or repeated: two or three words."""


class NoReports:
    """What a provider reports is of no interest here."""

    def __getattr__(self, name: str) -> object:
        return lambda *_: None


@dataclass(frozen=True, slots=True)
class ClipReading:
    """What the detectors read from a clip."""

    gate: bool
    """Whether the quality gate found a fault."""
    words: bool
    """Whether words are missing or added, so that ``verify`` makes the clip again."""
    word_error_rate: float
    pace: float
    """The logarithm of the duration, relative to another clip of the same text."""
    score: float
    """DNSMOS, overall."""


async def speak(provider: Provider, utterance: Utterance) -> list[Chunk]:
    """Returns a new clip of an utterance."""
    return [chunk async for chunk in provider.speak(utterance, Listener())]


async def clips(provider: Provider, utterance: Utterance, rng: random.Random) -> dict[str, list[Chunk]]:
    """Returns a sound clip of the utterance, and one with each fault."""
    sound = await speak(provider, utterance)
    samples, rate = _joined(sound), sound[0].sample_rate
    slow = _joined(await speak(provider, replace(utterance, speed=0.8)))
    half = _joined(await speak(provider, replace(utterance, speed=0.67)))
    german = " ".join(PROSE["de"].split()[: max(4, utterance.words)])
    foreign = await speak(provider, replace(utterance, text=german, characters=len(german)))
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0.0, samples.std() / math.sqrt(10), len(samples))
    start, length = rng.randrange(len(samples) // 5, 3 * len(samples) // 5), round(STRETCH * rate)
    spoiled: dict[str, Samples] = {
        "1.5 times slower": half,
        "dropped words": np.concatenate((samples[:start], samples[start + length :])),
        "repeated words": np.concatenate((samples[: start + length], samples[start:])),
        "silence": np.zeros_like(samples),
        "noise, 10 dB below the speech": np.clip(samples + noise, -1, 1).astype(np.float32),
        "pitch 1.25 times higher": soxr.resample(slow, 1.25 * rate, rate),
        "German instead of English": _joined(foreign),
        "the last 5 % are cut": samples[: int(0.95 * len(samples))],
    }
    return {SOUND: sound} | {name: [replace(sound[0], samples=each)] for name, each in spoiled.items()}


def read(utterance: Utterance, chunks: Sequence[Chunk], usual_seconds: float) -> ClipReading:
    """Returns what the detectors read from a clip, whose text took ``usual_seconds`` in another one."""
    samples, rate = _joined(chunks), chunks[0].sample_rate
    inspector = Inspector(utterance)
    if chunks[0].expected is not None:
        inspector.expect(chunks[0].expected, chunks[0].spoken_text)
    inspector.add(samples, rate)
    errors = recognise(utterance, samples, rate)
    return ClipReading(
        gate=bool(inspector.verdict().faults),
        words=not is_sound(errors),
        word_error_rate=errors.rate,
        pace=math.log(max(1, len(samples)) / rate / usual_seconds),
        score=rating.rate(samples, rate)[MosAspect.OVERALL],
    )


async def readings(provider: Provider, texts: Iterable[str], rng: random.Random) -> dict[str, list[ClipReading]]:
    """Returns the readings of all texts, by fault."""
    await provider.start(NoReports())  # type: ignore[arg-type]
    found: dict[str, list[ClipReading]] = {}
    try:
        voice = provider.voices()[0]
        for text in texts:
            utterance = Utterance(text, voice, voice.languages[0], len(text.split()), len(text))
            usual = sum(chunk.seconds for chunk in await speak(provider, utterance))
            for fault, chunks in (await clips(provider, utterance, rng)).items():
                reading = await asyncio.to_thread(read, utterance, chunks, usual)
                found.setdefault(fault, []).append(reading)
    finally:
        await provider.close()
        pool().close()
    return found


def until_hit(hits: Sequence[bool]) -> float:
    """Returns the number of clips until one of them is found, with a probability of .9; infinite if none was."""
    share = sum(hits) / len(hits)
    if share in (0.0, 1.0):
        return 1.0 if share else math.inf
    return math.ceil(math.log(0.1) / math.log(1 - share))


def until_shift(sound: Sequence[float], faulty: Sequence[float]) -> float:
    """Returns the number of clips after which the mean is found to have changed, with a probability of .9."""
    shift = abs(float(np.mean(faulty)) - float(np.mean(sound)))
    spread = FALSE_ALARM * float(np.std(sound, ddof=1)) + MISS * float(np.std(faulty, ddof=1))
    return math.inf if shift == 0 else math.ceil(max(1.0, (spread / shift) ** 2))


def table(found: Mapping[str, Sequence[ClipReading]]) -> str:
    """Returns the table in Markdown: for each fault, the clips that each detector needs."""
    sound = found[SOUND]
    lines = [
        "| fault | quality gate | verify | word error rate | pace | DNSMOS |",
        "| --- | --- | --- | --- | --- | --- |",
        _row("none: share found, or mean", [
            f"{sum(each.gate for each in sound) / len(sound):.1%}",
            f"{sum(each.words for each in sound) / len(sound):.1%}",
            f"{np.mean([each.word_error_rate for each in sound]):.3f}",
            f"x {math.exp(float(np.mean([each.pace for each in sound]))):.2f}",
            f"{np.mean([each.score for each in sound]):.2f}",
        ]),
    ]  # fmt: skip
    for fault, faulty in found.items():
        if fault == SOUND:
            continue
        means = [
            until_shift([getattr(each, name) for each in sound], [getattr(each, name) for each in faulty])
            for name in ("word_error_rate", "pace", "score")
        ]
        hits = [until_hit([each.gate for each in faulty]), until_hit([each.words for each in faulty])]
        lines.append(_row(fault, [_clips(number) for number in (*hits, *means)]))
    return "\n".join(lines)


def main() -> int:
    """Prints the table of each voice."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--voices", type=Path, default=Path("var/voices"), help="folder of voices (%(default)s)")
    parser.add_argument("--voice", choices=("joe", "hibari"), help="one of the voices; by default both")
    parser.add_argument("--texts", type=int, default=40, help="sentences for each voice (%(default)s)")
    options = parser.parse_args()
    if not rating.available():
        print("speechmos is not installed: install the extra verify", file=sys.stderr)
        return 1
    rng = random.Random(1)
    texts = [*FIXED, *(generated(rng) for _ in range(options.texts - len(FIXED)))]
    log, voices = logging.getLogger("bench"), Catalogue.scan(options.voices).voices.values()
    providers: dict[str, Provider] = {
        "joe": CoquiProvider(voices, device="cpu", threads=1, max_audio_seconds=60, log=log),
        "hibari": PackagedProvider(HibariVoice(), threads=1, max_audio_seconds=60, log=log),
    }
    for name, provider in providers.items():
        if options.voice not in (None, name):
            continue
        print(f"\n{name}, {len(texts)} sentences\n\n{table(asyncio.run(readings(provider, texts, rng)))}", flush=True)
    return 0


def _joined(chunks: Sequence[Chunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks])


def _clips(number: float) -> str:
    return "-" if number > MOST else f"{number:.0f}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
