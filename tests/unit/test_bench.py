"""The arithmetic of the benchmarks, and how results are written."""

from __future__ import annotations

import math
import struct
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.clients.figures import Figures, figures, median, paired_ratio, percentile
from bench.clients.load import UNANSWERED, LoadRun, Reply
from bench.clients.passage import LONGEST, SHORTEST, Reader, passage
from bench.clients.recording import read_wav
from bench.results import plot
from bench.results.file import SECTIONS, Promise, body_of, number, table, with_section, write_section
from bench.results.growth_section import Point, flatness
from bench.results.machine import Machine
from bench.results.overload_section import OverloadResult, overload_promises
from bench.results.overload_section import render as render_overload
from bench.results.servers_section import ContenderFigures, render, server_promises
from bench.results.sockets_section import SocketsRound
from bench.results.sockets_section import render as render_sockets
from bench.servers import rotated
from bench.targets.process import Memory, ttscope
from bench.targets.processor import ProcessorUsage, measure_usage
from bench.targets.vanishing import Vanishing, Vanishings

RATE = 22050
MACHINE = Machine("A processor", 2, 8 * 2**30, has_bf16=False)


def wav(*parts: tuple[float, int]) -> bytes:
    """A WAV file of parts, each so many seconds of one value."""
    samples = np.concatenate([np.full(round(seconds * RATE), value, "<i2") for seconds, value in parts])
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16)
    return b"RIFF\0\0\0\0WAVE" + fmt + struct.pack("<4sI", b"data", samples.nbytes) + samples.tobytes()


def reply(status: int = 200, start: float = 0.0, seconds: float = 1.0, retry_after: str | None = "1") -> Reply:
    body = wav((2.0, 500), (0.5, 0)) if status == 200 else b""
    return Reply(10, status, start, start + seconds, 0.25 if status == 200 else None, body, retry_after)


BUSY = LoadRun(16, 4.0, (reply(), reply(), reply(), reply()))
"""Two seconds of audio a second."""


class TestArithmetic:
    @pytest.mark.parametrize(
        ("values", "share", "expected"),
        [((3, 1, 2), 0.5, 2), ((1, 2), 0.5, 1.5), ((7,), 0.95, 7), (range(101), 0.95, 95), ((0, 10), 0.99, 9.9)],
    )
    def test_a_percentile_lies_between_its_neighbours(self, values, share, expected):
        assert percentile(list(values), share) == pytest.approx(expected)
        assert percentile(list(values), share) == pytest.approx(np.percentile(list(values), share * 100))

    def test_nothing_has_no_percentile_and_no_median(self):
        assert math.isnan(percentile([], 0.5))
        assert math.isnan(median([]))

    def test_a_slow_round_does_not_change_the_ratio(self):
        assert paired_ratio([3.0, 0.3, 3.0], [1.0, 0.1, 1.0]) == pytest.approx(3.0)

    def test_a_turn_counts_answers_audio_and_failures(self):
        result = figures(LoadRun(4, 2.0, (reply(), reply(), reply(500), reply(UNANSWERED))))
        assert (result.requests_per_second, result.failures) == (1.0, 2)
        assert result.audio_seconds == pytest.approx(5.0)
        assert result.model_seconds == pytest.approx(4.0)
        assert result.first_audio == (0.25, 0.25)
        assert result.share_of_peak(115.0) == pytest.approx(0.1)

    def test_inserted_silence_is_distinguished_from_a_pause(self):
        recording = read_wav(wav((1.0, 300), (0.05, 0), (1.0, 300), (0.4, 0)))
        assert recording.seconds == pytest.approx(2.45, abs=1e-4)
        assert recording.sounding_seconds == pytest.approx(2.05, abs=1e-4)


class TestPassage:
    def test_mixed_texts_cover_the_lengths_and_come_once(self):
        reader = Reader()
        texts = [text for size in (8, 16, 32) for text in reader.mixed(size)]
        lengths = [len(text.split()) for text in texts]
        assert SHORTEST <= min(lengths) <= SHORTEST + 1
        assert LONGEST - 10 <= max(lengths) <= LONGEST
        assert 24 <= sum(lengths) / len(lengths) <= 32
        assert len(set(texts)) == len(texts)

    def test_the_same_seed_reads_the_same(self):
        assert Reader(3).mixed(5) == Reader(3).mixed(5) != Reader(4).mixed(5)

    def test_there_are_more_texts_of_a_length_than_sentences(self):
        reader = Reader()
        texts = [reader.take(20) for _ in range(300)]
        assert len(set(texts)) == 300
        assert all(text.endswith(".") and len(text.split()) == 20 for text in texts)

    def test_texts_repeat_when_all_are_read(self):
        reader = Reader()
        texts = [reader.take(12) for _ in range(2 * len(passage()))]
        assert 1500 < len(set(texts)) <= len(passage())
        assert texts[0] in texts[1:]

    def test_a_text_may_be_longer_than_the_passage(self):
        assert len(Reader().take(2000).split()) == 2000 > len(passage())


class TestResults:
    def test_each_section_is_replaced_alone(self):
        document = ""
        for name in reversed(SECTIONS):
            document = with_section(document, name, f"old {name}")
        document = with_section(document, "growth", "new")
        assert [body_of(document, name) for name in SECTIONS] == [
            "old servers",
            "new",
            "old overload",
            "old drift",
            "old histograms",
            "old routing",
            "old reports",
            "old storage",
            "old simulation",
            "old scale",
            "old units",
            "old ray",
            "old prediction",
            "old rooms",
            "old sockets",
            "old verification",
        ]
        assert document.index("old servers") < document.index("new") < document.index("old overload")
        assert with_section(document, "growth", "new") == document

    def test_what_is_written_by_hand_below_the_sections_stays(self):
        document = with_section("", "growth", "old") + "\n## By hand\n\nSome figures.\n"
        changed = with_section(with_section(document, "growth", "new"), "drift", "more")
        assert changed.endswith("<!-- end drift -->\n\n## By hand\n\nSome figures.\n")
        assert with_section(changed, "drift", "more") == changed

    def test_a_missing_file_is_created(self, tmp_path: Path):
        write_section("growth", "a body", tmp_path / "RESULTS.md")
        assert body_of((tmp_path / "RESULTS.md").read_text(), "growth") == "a body"

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (12.34, "12.3"), (99.99, "100.0"), (1234.5, "1234")],
    )
    def test_numbers_have_three_digits(self, value, text):
        assert number(value) == text

    def test_a_missing_figure_is_a_dash_and_keeps_no_promise(self):
        promise = Promise("a ratio", math.nan, "x", at_most=1.0)
        assert not promise.is_met
        assert promise.row() == ("a ratio", "at most 1.00x", "-", "**missed**")

    def test_promises_are_kept_at_their_bounds(self):
        assert Promise("", 3.0, "x", at_least=3.0).is_met
        assert not Promise("", 2.99, "x", at_least=3.0).is_met
        assert Promise("", 10.0, " ms", at_most=10.0).is_met

    def test_a_table_is_aligned(self):
        assert table(("", "words"), [("a", "1")]).splitlines() == [
            "|     | words |",
            "| --- | ----: |",
            "| a   |     1 |",
        ]


def measured(name: str, throughput: float, first_audio: float, gigabytes: float) -> ContenderFigures:
    run = Figures(16, 10.0, (first_audio * 2,) * round(throughput * 10), (first_audio,) * 3, 90.0, 80.0, 0)
    memory = Memory(round(gigabytes * 1e9), round(gigabytes * 1.1e9))
    return ContenderFigures(name, {1: [run], 16: [run, run]}, [run, run], memory)


class TestServers:
    def sides(self) -> list[ContenderFigures]:
        return [
            measured("ttscope", 2.0, 1.0, 1.0),
            measured("ttscope, stream", 1.8, 0.1, 1.0),
            measured("tts-server", 0.5, 1.2, 3.6),
            measured("piper", 1.5, 0.4, 1.9),
        ]

    def test_promises_are_ratios_against_both(self):
        promises = server_promises({side.name: side for side in self.sides()}, 100.0, MACHINE)
        figures = [promise.measured for promise in promises]
        assert figures == pytest.approx([4.0, 2.0 / 1.5, 12.0, 4.0, 1 / 3.6, 1 / 1.9, 46.0])
        assert [promise.is_met for promise in promises] == [True, True, True, False, True, False, False]

    def test_more_is_promised_where_there_is_bf16(self):
        machine = Machine("A processor", 2, 8 * 2**30, has_bf16=True)
        promises = server_promises({side.name: side for side in self.sides()}, 100.0, machine)
        assert [promise.at_least for promise in promises[:2]] == [3.0, 1.2]

    def test_the_section_names_everyone_at_every_number_of_clients(self, tmp_path: Path, monkeypatch):
        monkeypatch.setattr(plot, "FOLDER", tmp_path)
        section = render(self.sides(), 100.0, 2, MACHINE)
        assert (tmp_path / "servers.png").read_bytes().startswith(b"\x89PNG")
        assert Counter(line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| piper")) == {
            "piper": 3
        }
        assert "### 1 client\n" in section
        assert "### 16 clients\n" in section

    def test_another_contender_begins_each_round(self):
        assert [rotated("abc", number)[0] for number in range(4)] == ["a", "b", "c", "a"]


def test_our_server_is_measured_without_its_cache():
    assert ttscope().environment == {"TTSCOPE_CACHE_BYTES": "0"}
    assert ttscope(OTEL_SDK_DISABLED="true").environment == {"TTSCOPE_CACHE_BYTES": "0", "OTEL_SDK_DISABLED": "true"}


def test_growth_is_first_audio_of_400_words_against_20():
    points = [Point(words, 1, 0, first, first, 1.0, 1.0, 1.0) for words, first in ((20, 0.1), (80, 0.3), (400, 0.14))]
    assert flatness(points).measured == pytest.approx(1.4)
    assert not flatness(points).is_met


PROCESSOR = ProcessorUsage(loop=0.18, engine=1.4, other_threads=0.1, client=0.1, cores=2)


async def test_processor_time_is_divided_among_loop_engine_threads_and_client():
    """A program that computes in its main thread, in another one and in a child, beside this process that waits."""
    code = """
import subprocess, sys, threading
def work():
    while True: pass
threading.Thread(target=work, daemon=True).start()
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
work()
"""
    with psutil.Popen([sys.executable, "-c", code]) as program:
        try:
            used = await measure_usage(program, 0.5, 1.5)
        finally:
            for each in (*program.children(), program):
                each.kill()
    assert min(used.loop, used.engine, used.other_threads) > 0.05
    assert used.client < used.loop + used.engine + used.other_threads
    assert used.idle == pytest.approx(used.cores - used.loop - used.engine - used.other_threads - used.client)


class TestOverload:
    def overload_result(self, counted: dict[str, int]) -> OverloadResult:
        """Ten seconds: one answer of two seconds of audio a second, nine rejections."""
        served = [reply(200, start=float(second), seconds=0.5) for second in range(10)]
        rejected = [reply(429, start=number / 9, seconds=0.004) for number in range(90)]
        return OverloadResult(figures(BUSY), LoadRun(0, 10.0, (*served, *rejected)), (0.002, 0.004), counted, PROCESSOR)

    def test_promises(self):
        stages = ("streaming", "synthesis", "queue")
        clients = tuple(Vanishing(stage, 0.05, 0.3, (0.1, 0.2)) for stage in stages)
        vanished = Vanishings(clients, (0.2, 0.2))
        result = self.overload_result({"ok": 10, "rejected": 90})
        assert (result.offered, result.audio_per_second, result.uncounted) == (10.0, pytest.approx(2.0), 0)
        promises = overload_promises(result, vanished)
        assert all(promise.is_met for promise in promises)
        assert [promise.measured for promise in promises[-2:]] == pytest.approx([0.25, 0.5])
        section = render_overload(result, vanished, MACHINE, words=12, clients=16)
        assert next(row for row in section.splitlines() if row.startswith("| 429")).split("|")[2].strip() == "90"
        assert "0.180 for the event loop (20.0 ms for each of 9.00 refusals a second)" in section

    def test_a_request_that_the_server_did_not_count_is_found(self):
        assert self.overload_result({"ok": 9, "rejected": 90}).uncounted == 1

    def test_a_request_without_an_answer_is_found(self):
        result = self.overload_result({"ok": 10, "rejected": 90})
        run = LoadRun(0, 10.0, (*result.run.replies, reply(UNANSWERED)))
        assert replace(result, run=run).uncounted == 1


def test_the_section_of_sockets_holds_its_promises() -> None:
    rounds = [SocketsRound(1, 0.1, 0.12, (0.01,)), SocketsRound(16, 0.5, 0.8, tuple([0.06] * 16))] * 3
    section = render_sockets(rounds, MACHINE, 0.5)
    rows = [" ".join(line.split()) for line in section.splitlines()]
    assert "| first audio in pieces against a whole call, 1 session | at most 1.30x | 1.20x | kept |" in rows
    assert section.count("**missed**") == 2
    assert "| 16 sessions | 500 | 800 | 60.0 | 60.0 | 60.0 |" in rows
