"""Clips: samples survive being kept, keys tell utterances apart, seals tell ours from others', memory has its bound."""

from __future__ import annotations

import gc
import os
import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.audio.wav import pcm16
from server.synthesis.cache.clip import PIECE_SECONDS, Clip, size_of
from server.synthesis.cache.key import Keys
from server.synthesis.cache.memory import OVERHEAD_BYTES, MemoryTier
from server.synthesis.cache.seal import ADDED_BYTES, Seal
from server.utterance import Chunk, Passage, Utterance, Verbalization
from tests.fake_syntheses import SECRET, TENANT, VOICE, heard, utterance

RATE = 22050
KEY = bytes(range(32))
NONCE = slice(20, 32)
CLIP = Clip(bytes(range(200)), RATE)


def test_every_sample_survives_being_kept() -> None:
    every = np.arange(-32767, 32768, dtype="<i2")
    chunk = Clip(every.tobytes(), RATE).chunk()
    assert chunk.samples.dtype == np.float32
    assert np.abs(chunk.samples).max() == 1.0
    assert pcm16(chunk.samples) == every.tobytes()


@given(st.lists(st.floats(-2, 2, width=32), max_size=100))
def test_a_wav_of_what_was_kept_is_the_first_clients_wav(samples: list[float]) -> None:
    chunk = Chunk(np.array(samples, dtype=np.float32), RATE)
    kept = Clip.of(chunk)
    assert pcm16(kept.chunk().samples) == pcm16(chunk.samples)
    assert kept.chunk().sample_rate == RATE


@pytest.mark.parametrize("seconds", [0.1, PIECE_SECONDS, PIECE_SECONDS + 0.001, 3.4 * PIECE_SECONDS])
async def test_a_long_clip_comes_in_pieces_and_whole(seconds: float) -> None:
    clip = Clip(os.urandom(size_of(seconds, RATE)).replace(b"\x80", b"\x81"), RATE)  # -32768 is no sample of ours
    assert await heard(clip.chunks()) == clip.pcm
    assert all(len(piece.pcm) <= size_of(PIECE_SECONDS, RATE) for piece in clip.pieces())


def test_parts_of_different_rates_are_no_clip() -> None:
    assert Clip.joined([CLIP, CLIP]) == Clip(CLIP.pcm * 2, RATE)
    assert Clip.joined([CLIP, Clip(CLIP.pcm, 24000)]) is None
    assert Clip.joined([]) is None
    assert Clip.joined([Clip(b"", RATE)]) is None


def spoken(text: str, name: str, checksum: str, speed: float) -> Utterance:
    return Utterance(text, replace(VOICE, name=name, checksum=checksum), "en", 1, 1, speed)


UTTERANCES = st.builds(
    spoken,
    st.text("ab\u00e9\ud800", max_size=3),
    st.text("ab", min_size=1, max_size=3),
    st.text("ab", max_size=3),
    st.sampled_from([0.5, 1, 1.0, 2.0]),
)


@example(spoken("a", "ab", "a", 1), spoken("a", "a", "ba", 1))
@example(spoken("ab", "a", "a", 1), spoken("a", "ba", "a", 1))
@given(UTTERANCES, UTTERANCES)
def test_keys_are_equal_for_equal_utterances_only(one: Utterance, other: Utterance) -> None:
    keys = Keys(SECRET)
    assert (keys.of(one, TENANT) == keys.of(other, TENANT)) == (one == other)


@example(None, "None")
@given(*[st.none() | st.text("ab'\ud800", max_size=3)] * 2)
def test_keys_are_equal_for_one_tenant_only(one: str | None, other: str | None) -> None:
    keys = Keys(SECRET)
    assert (keys.of(utterance(), one) == keys.of(utterance(), other)) == (one == other)


def test_keys_depend_on_the_secret() -> None:
    assert Keys(SECRET).of(utterance(), TENANT) != Keys(SECRET + b"!").of(utterance(), TENANT)
    assert Keys(SECRET).of(utterance(), TENANT) == Keys(SECRET).of(utterance(), TENANT)


@pytest.mark.parametrize(
    ("passages", "key"),
    [
        ((), "9ada0e165baed40069dcdaf78f3c5ae0cec1ee1ef3ef47192aee434a42c528cd"),
        ((Passage("Wait."),), "ed848569f4ca6fd045b4cb9ec930d1ac7902958ff31eed191ebc551f95727285"),
        (
            (
                Passage("", pause=0.5),
                Passage("a b 'c'", 1.5, None, (Verbalization(0, 1, "x"),)),
                Passage("d", 1, 0.25, (Verbalization(0, 1, "x"), Verbalization(2, 3, '"é\u3042'))),
            ),
            "53b5760b8a76e38b3880d414d344209529aa1a54f069f717ff0278933b34c57a",
        ),
    ],
)
def test_servers_of_other_versions_find_a_clip_by_the_same_key(passages: tuple[Passage, ...], key: str) -> None:
    waiting = Utterance("Wait. a b c", VOICE, "en", 4, 11, 1.0, passages)
    assert Keys(SECRET).of(waiting, TENANT).hex() == key


def test_nobody_can_listen_to_a_sealed_clip() -> None:
    clip = Clip(bytes(range(256)) * 40, 22050)
    sealed = Seal(SECRET).wrap(KEY, clip)
    assert len(sealed) == len(clip.pcm) + ADDED_BYTES
    assert not any(clip.pcm[start : start + 8] in sealed for start in range(256))
    assert Seal(SECRET).wrap(KEY, clip) != sealed


def test_no_clip_is_sealed_twice_with_one_nonce() -> None:
    nonces = [Seal(SECRET).wrap(KEY, CLIP)[NONCE] for _ in range(1000)]
    assert len(set(nonces)) == len(nonces)
    assert all(len(nonce) == 12 for nonce in nonces)


def test_a_clip_that_an_earlier_version_signed_is_a_miss() -> None:
    old = struct.pack(">8sIQ32s", b"ttsclip1", 22050, len(CLIP.pcm), bytes(32)) + CLIP.pcm
    assert Seal(SECRET).unwrap(KEY, old) is None


@pytest.mark.parametrize("seed", [None, 0, 2**32 - 1])
def test_a_sealed_clip_is_read_back(seed: int | None) -> None:
    clip = replace(CLIP, seed=seed)
    assert Seal(SECRET).unwrap(KEY, Seal(SECRET).wrap(KEY, clip)) == clip


def test_a_clip_is_nothing_under_another_key_or_another_secret() -> None:
    sealed = Seal(SECRET).wrap(KEY, CLIP)
    assert Seal(SECRET).unwrap(KEY[::-1], sealed) is None
    assert Seal(SECRET + b"!").unwrap(KEY, sealed) is None


@pytest.mark.parametrize("position", range(ADDED_BYTES + len(CLIP.pcm)))
def test_a_clip_with_a_wrong_bit_is_nothing(position: int) -> None:
    sealed = bytearray(Seal(SECRET).wrap(KEY, CLIP))
    sealed[position] ^= 1
    assert Seal(SECRET).unwrap(KEY, bytes(sealed)) is None


@given(st.binary(max_size=300))
def test_foreign_bytes_are_nothing(value: bytes) -> None:
    seal = Seal(SECRET)
    assert seal.unwrap(KEY, value) is None
    sealed = seal.wrap(KEY, CLIP)
    assert seal.unwrap(KEY, sealed[:-1] + value[:5] * bool(len(value) > 1)) is None
    assert seal.unwrap(KEY, sealed[: len(value)]) is None or len(value) >= len(sealed)


@given(
    st.integers(0, 6 * OVERHEAD_BYTES),
    st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 2 * OVERHEAD_BYTES)), max_size=40),
)
def test_memory_never_exceeds_its_bound_and_never_gives_the_wrong_clip(
    max_bytes: int, steps: list[tuple[bool, int, int]]
) -> None:
    memory = MemoryTier(max_bytes)
    written: dict[bytes, Clip] = {}
    added = 0
    for number, (put, name, size) in enumerate(steps):
        key = bytes([name])
        there = memory.get(key)
        assert there in (None, written.get(key))
        if put:
            written[key] = clip = Clip(bytes([number]) * size, RATE)
            fits = size + OVERHEAD_BYTES <= max_bytes
            memory.put(key, clip)
            if fits:
                assert memory.get(key) is clip
                added += there is None
            elif there is not None:
                written[key] = there
        held = [clip for name in range(6) if (clip := memory.get(bytes([name])))]
        assert memory.entries == len(held)
        assert memory.held_bytes == sum(len(clip.pcm) + OVERHEAD_BYTES for clip in held) <= max_bytes
    assert memory.evictions >= added - memory.entries


def test_the_clip_that_was_asked_for_longest_ago_makes_room() -> None:
    memory = MemoryTier(2 * (OVERHEAD_BYTES + len(CLIP.pcm)))
    for key in (b"a", b"b"):
        memory.put(key, CLIP)
    memory.get(b"a")
    memory.put(b"c", CLIP)
    assert [memory.get(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]
    assert memory.evictions == 1


@pytest.mark.parametrize("entries", [100, 1000, 2731, 10_000])
def test_what_memory_says_it_holds_is_no_less_than_what_it_takes(entries: int) -> None:
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        memory = MemoryTier(1 << 30)
        for _ in range(entries):
            memory.put(os.urandom(32), Clip(os.urandom(100), RATE))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 * memory.held_bytes < taken <= memory.held_bytes
