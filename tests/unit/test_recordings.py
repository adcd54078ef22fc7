"""Recordings that clients register: decoded, held to limits, and kept under names that are no paths."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.audio.uploads import LONGEST, SHORTEST, decode
from server.errors import InvalidRequest, InvalidSample, UnknownVoice
from server.sandbox.pool import SandboxPool, WorkerCrashed
from server.voices.catalogue import ALIASES
from server.voices.recordings import RESERVED, SAMPLE_RATE, Recording, RecordingLimits, RecordingStore


def tone(seconds: float, rate: int = SAMPLE_RATE, level: float = 0.3) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * times)).astype(np.float32)


def as_wav(samples: np.ndarray, rate: int = SAMPLE_RATE, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.repeat(samples, channels) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def as_file(container: str, codec: str, seconds: float, rate: int = 48_000) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(seconds, rate)[None], format="flt", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.codec_context.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return buffer.getvalue()


class TestDecoding:
    def test_a_recording_becomes_mono_at_the_rate_that_is_wanted(self):
        audio = decode(as_wav(tone(4, 48_000), 48_000, channels=2), SAMPLE_RATE)
        assert audio.ndim == 1
        assert len(audio) == pytest.approx(4 * SAMPLE_RATE, abs=100)
        assert float(np.sqrt(np.mean(audio**2))) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)

    @pytest.mark.parametrize("channels", [3, 6, 8, 16, 64])
    def test_more_than_two_channels_are_refused(self, channels: int):
        """Eight planes and more are read past their array by PyAV: that ended the process."""
        with pytest.raises(InvalidSample, match="at most 2 channels"):
            decode(as_wav(tone(4, 8_000), 8_000, channels=channels), SAMPLE_RATE)

    @pytest.mark.parametrize("rate", [1, 40, 1_000, 7_999, 192_001, 655_350])
    def test_a_sample_rate_that_nobody_records_at_is_refused(self, rate: int):
        """At 1 Hz one frame of FLAC, 81 bytes, becomes 5.8 GB."""
        with pytest.raises(InvalidSample, match="8000 to 192000 Hz"):
            decode(as_wav(tone(4, 8_000), rate), SAMPLE_RATE)

    def test_a_damaged_recording_is_decoded_or_refused(self):
        data = bytearray(as_file("flac", "flac", 4.0, 8_000))
        chance = random.Random(1)
        for _ in range(200):
            data[chance.randrange(len(data))] ^= 0xFF
            with contextlib.suppress(InvalidSample):
                decode(bytes(data), SAMPLE_RATE)

    def test_a_process_that_is_killed_by_a_recording_is_the_recordings_fault(self, monkeypatch: pytest.MonkeyPatch):
        def crash(*_: object, **__: object) -> None:
            raise WorkerCrashed

        monkeypatch.setattr(SandboxPool, "ask", crash)
        with pytest.raises(InvalidSample, match="the recording can't be decoded"):
            decode(as_wav(tone(4)), SAMPLE_RATE)

    @pytest.mark.parametrize(
        ("container", "codec"),
        [
            ("flac", "flac"),
            ("mp3", "libmp3lame"),
            ("ogg", "libopus"),
            ("mp4", "aac"),
            ("webm", "libopus"),
            ("adts", "aac"),
        ],
    )
    def test_formats(self, container: str, codec: str):
        audio = decode(as_file(container, codec, 4.0), SAMPLE_RATE)
        assert len(audio) / SAMPLE_RATE == pytest.approx(4.0, abs=0.12)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "the recording can't be decoded"),
            (b"not audio at all" * 100, "the recording can't be decoded"),
            (as_wav(tone(SHORTEST - 0.1)), "at least 3"),
            (as_wav(tone(LONGEST + 0.1, 8000), 8000), "longer than 30"),
            (as_wav(np.zeros(4 * SAMPLE_RATE, np.float32)), "nothing to hear"),
        ],
    )
    def test_what_is_no_voice_is_refused(self, data: bytes, reason: str):
        with pytest.raises(InvalidSample, match=reason) as refused:
            decode(data, SAMPLE_RATE)
        assert (refused.value.status, refused.value.param) == (422, "audio")

    def test_a_playlist_opens_no_file(self, tmp_path: Path):
        """ffmpeg reads playlists, and the files that they name."""
        secret = tmp_path / "secret.wav"
        secret.write_bytes(as_wav(tone(4)))
        playlists = (
            f"ffconcat version 1.0\nfile {secret}\n",
            f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{secret}\n#EXT-X-ENDLIST\n",
        )
        for playlist in playlists:
            with pytest.raises(InvalidSample, match="the recording can't be decoded"):
                decode(playlist.encode(), SAMPLE_RATE)

    @given(st.binary(max_size=300), st.integers(0, 3000))
    def test_damage_is_refused_or_decoded_but_never_a_crash(self, noise: bytes, place: int):
        whole = bytearray(as_wav(tone(3.5, 8000), 8000))
        whole[place : place + len(noise)] = noise
        try:
            audio = decode(bytes(whole), SAMPLE_RATE)
        except InvalidSample:
            return
        assert np.isfinite(audio).all()


class TestStore:
    def test_what_was_put_is_there_after_a_restart(self, tmp_path: Path):
        put = RecordingStore(tmp_path).put("ann", tone(4))
        again = RecordingStore(tmp_path).recordings["ann"]
        assert again == put
        assert np.allclose(again.read(), tone(4), atol=1e-4)

    def test_another_recording_has_another_checksum(self, tmp_path: Path):
        store = RecordingStore(tmp_path)
        one = store.put("ann", tone(4)).checksum
        assert store.put("ann", tone(5)).checksum != one
        assert list(store.recordings) == ["ann"]

    @pytest.mark.parametrize("name", ["../ann", "a/b", "..", "", "Ann", "ann.wav", "a" * 65, "ann\0", "ä"])
    def test_a_name_is_no_path(self, tmp_path: Path, name: str):
        with pytest.raises(InvalidRequest, match="id: must match"):
            RecordingStore(tmp_path / "samples").put(name, tone(4))
        assert not list(tmp_path.rglob("*.wav"))

    def test_there_is_room_for_so_many(self, tmp_path: Path):
        store = RecordingStore(tmp_path, RecordingLimits(recordings=2))
        store.put("a", tone(3))
        store.put("b", tone(3))
        with pytest.raises(InvalidRequest, match="2 voices are registered"):
            store.put("c", tone(3))
        store.put("a", tone(4))
        store.remove("b")
        store.put("c", tone(3))
        assert set(store.recordings) == {"a", "c"}

    def test_what_was_removed_is_gone(self, tmp_path: Path):
        store = RecordingStore(tmp_path)
        store.put("ann", tone(4))
        store.remove("ann")
        with pytest.raises(UnknownVoice):
            store.remove("ann")
        assert not list(tmp_path.iterdir())

    def test_there_is_room_for_so_many_bytes(self, tmp_path: Path):
        store = RecordingStore(tmp_path, RecordingLimits(bytes=2 * (44 + 2 * 3 * SAMPLE_RATE)))
        for name in ("a", "b"):
            store.put(name, tone(3))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) == store._limits.bytes
        for name in ("a", "c"):
            with pytest.raises(InvalidRequest, match="more than 264688 bytes") as refused:
                store.put(name, tone(4))
            assert refused.value.param == "id"
        store.remove("b")
        store.put("a", tone(4))
        assert set(RecordingStore(tmp_path, store._limits).recordings) == {"a"}

    @pytest.mark.parametrize("name", RESERVED)
    def test_a_name_that_means_something_else_is_refused(self, tmp_path: Path, name: str):
        with pytest.raises(InvalidRequest, match="id: must not be one of default, other, registered"):
            RecordingStore(tmp_path).put(name, tone(4))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ALIASES)
    def test_nobody_takes_the_name_of_openais_voice(self, tmp_path: Path, name: str):
        with pytest.raises(InvalidRequest, match="OpenAI's voices"):
            RecordingStore(tmp_path).put(name, tone(4))

    def test_one_that_took_it_before_is_not_offered(self, tmp_path: Path):
        RecordingStore(tmp_path).put("ann", tone(4)).path.rename(tmp_path / "alloy.wav")
        assert RecordingStore(tmp_path).recordings == {}

    def test_the_same_recording_registered_again_is_another_voice(self, tmp_path: Path):
        store = RecordingStore(tmp_path)
        before = store.put("ann", tone(4))
        store.remove("ann")
        again = store.put("ann", tone(4))
        assert again.checksum != before.checksum

    def test_what_is_removed_or_replaced_is_told(self, tmp_path: Path):
        store = RecordingStore(tmp_path)
        forgotten: list[Recording] = []
        store.on_removal(forgotten.append)
        first = store.put("ann", tone(4))
        assert not forgotten
        second = store.put("ann", tone(5))
        store.remove("ann")
        assert forgotten == [first, second]

    def test_files_of_others_are_left_alone(self, tmp_path: Path):
        (tmp_path / "Not Ours.wav").write_bytes(b"x")
        (tmp_path / "link.wav").symlink_to("/etc/passwd")
        assert RecordingStore(tmp_path).recordings == {}

    def test_a_full_disk_leaves_what_was_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        store = RecordingStore(tmp_path)
        before = store.put("ann", tone(4))

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "full")

        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full)
            for name in ("ann", "ben"):
                with pytest.raises(OSError, match="full"):
                    store.put(name, tone(5))
        assert [path.name for path in tmp_path.iterdir()] == ["ann.wav"]
        assert store.recordings == RecordingStore(tmp_path).recordings == {"ann": before}

    def test_what_a_crash_left_is_removed(self, tmp_path: Path):
        (tmp_path / "ann.part").write_bytes(b"RIFF")
        (tmp_path / "Not Ours.part").write_bytes(b"x")
        assert RecordingStore(tmp_path).recordings == {}
        assert [path.name for path in tmp_path.iterdir()] == ["Not Ours.part"]

    @pytest.mark.parametrize("content", [b"", b"RIFF", b"text" * 100, "cut", "no audio", "another rate", "a folder"])
    def test_a_sample_that_can_t_be_read_is_skipped(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | str
    ):
        good = RecordingStore(tmp_path).put("ann", tone(4))
        path = tmp_path / "xylocanary.wav"
        whole = good.path.read_bytes()
        others = {"cut": whole[:-1000], "no audio": whole[:44], "another rate": as_wav(tone(4, 8000), 8000)}
        if content == "a folder":
            path.mkdir()
            (path / "file").touch()
        else:
            path.write_bytes(content if isinstance(content, bytes) else others[content])
        assert RecordingStore(tmp_path).recordings == {"ann": good}
        assert "xylocanary" not in caplog.text
        assert content == "a folder" or "is skipped" in caplog.text
