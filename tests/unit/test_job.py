"""One request's steps: which can be taken, when they are due, and the order of its audio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otel.contract.values import Stage
from server.scheduling.audio_queue import AudioPiece
from server.scheduling.engine import Decode, Encode, Refine, WordSpan
from server.scheduling.job import AHEAD_SECONDS, WHOLE_PACE, Job, ReadyStep
from server.scheduling.sentence_work import LEAD_SECONDS
from server.scheduling.windows import FIRST_WINDOWS, WINDOW
from server.utterance import Interval, Word
from tests.counting_engine import CONTEXT, FRAME_SECONDS, RATE, CountingEngine, CountingLatent, paused, sentence, spoken

ENGINE = CountingEngine()


def asked(*frames: int, streamed: bool = False, pause: float = 0.0) -> Job:
    """A job of sentences of these lengths; half of that is what they are expected to be."""
    sentences = [sentence(number, length) for number, length in enumerate(frames)]
    expected = [length * FRAME_SECONDS / 2 for length in frames]
    return Job(paused(sentences, pause), expected, RATE, streamed=streamed)


def taken(job: Job) -> ReadyStep:
    """The job's next step, begun."""
    task = next(job.ready_steps())
    job.begin(task, 0)
    return task


def ended(job: Job, task: ReadyStep) -> None:
    match task.step:
        case Encode() as encode:
            job.complete(task, ENGINE.results([encode])[0], Interval(Stage.INFER, 0, 1))
        case Refine() as refine:
            ENGINE.results([refine])
            job.complete(task, None, Interval(Stage.INFER, 1, 2))
        case Decode() as decode:
            job.complete(task, ENGINE.results([decode])[0], Interval(Stage.DECODE, 2, 3))


def work(job: Job, steps: int = 10_000) -> list[ReadyStep]:
    """Takes up to so many steps, one after the other."""
    done: list[ReadyStep] = []
    while len(done) < steps and next(job.ready_steps(), None) is not None:
        done.append(taken(job))
        ended(job, done[-1])
    return done


def fetched(job: Job) -> list[AudioPiece]:
    return list(iter(job.fetch, None))


def audio(pieces: list[AudioPiece]) -> list[float]:
    return np.concatenate([piece.samples for piece in pieces]).tolist()


def kinds(tasks: list[ReadyStep]) -> str:
    """E, R and D for the steps."""
    return "".join(type(task.step).__name__[0] for task in tasks)


def test_a_sentence_is_encoded_then_refined_then_decoded_window_by_window() -> None:
    job = asked(300)
    assert kinds(work(job)) == "ERDD"
    assert job.finished
    assert audio(fetched(job)) == spoken(sentence(0, 300)).tolist()


def test_the_first_sentence_of_a_stream_is_heard_before_the_rest_of_it_is_refined() -> None:
    job = asked(600, streamed=True)
    steps = kinds(work(job))
    assert steps.startswith("ERD")
    assert steps.count("R") > 1
    assert steps.rindex("R") > steps.index("D")
    sizes = [len(piece.samples) for piece in fetched(job)]
    assert sizes[:4] == [*FIRST_WINDOWS, WINDOW, WINDOW]


def test_a_window_waits_for_the_frames_that_its_decoding_reads() -> None:
    job = asked(600, streamed=True)
    for task in work(job):
        if isinstance(task.step, Decode) and isinstance(task.step.latent, CountingLatent):
            assert task.step.latent.refined >= min(600, task.step.stop + CONTEXT)


def test_the_sentences_of_a_whole_answer_are_offered_together() -> None:
    assert [task.step for task in asked(100, 50, 70).ready_steps()] == [
        Encode(sentence(number, frames)) for number, frames in enumerate((100, 50, 70))
    ]


def test_windows_that_are_ready_out_of_turn_come_out_in_order() -> None:
    job = asked(300, 200)
    begun = []
    while len(begun) < 4:
        while next(job.ready_steps(), None) is not None:
            task = taken(job)
            if isinstance(task.step, Decode):
                begun.append(task)
            else:
                ended(job, task)
    changes: list[int] = []
    job.changed = lambda: changes.append(1)
    for task in reversed(begun[1:]):
        ended(job, task)
    assert fetched(job) == []
    ended(job, begun[0])
    assert audio(fetched(job)) == [*spoken(sentence(0, 300)), *spoken(sentence(1, 200))]
    assert job.finished
    assert changes


def test_any_window_that_can_be_taken_may_be_and_the_others_stay_on_offer() -> None:
    """As batches of one length do: the peers of another job's last window may be this one's last."""
    job = asked(300 + WINDOW)
    work(job, 2)
    for _ in range(3):
        last = list(job.ready_steps())[-1]
        job.begin(last, 0)
        ended(job, last)
    assert job.finished
    assert audio(fetched(job)) == spoken(sentence(0, 300 + WINDOW)).tolist()


def test_there_is_silence_between_sentences_and_none_after_the_last() -> None:
    job = asked(50, 40, pause=0.2)
    work(job)
    assert audio(fetched(job)) == [*spoken(sentence(0, 50)), *([0.0] * 20), *spoken(sentence(1, 40))]


def test_audio_is_due_when_it_is_heard_and_that_of_a_whole_answer_sooner() -> None:
    for streamed, urgency in ((True, 1.0), (False, WHOLE_PACE)):
        job = asked(300, 100, streamed=streamed, pause=0.2)
        job.start = 50.0
        dues = {(type(task.step), task.work.sentence.ids, task.window): task.due for task in work(job)}
        starts = [0, 32, 96, 224] if streamed else [0, 128]
        for number, start in enumerate(starts):
            due = dues[Decode, (0, 300), number]
            assert due == pytest.approx(50 + start * FRAME_SECONDS * urgency)
        assert dues[Decode, (1, 100), 0] == pytest.approx(50 + (3.0 + 0.2) * urgency)


def test_words_are_told_with_the_first_of_their_sentence_by_their_place_in_the_audio() -> None:
    first, second = sentence(0, 300), sentence(1, 100)
    first = replace(first, leading_silence=0.5, pause=0.25, words=(WordSpan("one", 0, 1), WordSpan("two", 1, 2)))
    second = replace(second, words=(WordSpan("three", 0, 2),))
    job = Job([first, second], [1.0, 1.0], RATE, streamed=True)
    work(job)
    pieces = fetched(job)
    told = [piece for piece in pieces if piece.words]
    assert [piece.words for piece in told] == [
        (Word("one", 0.5, 2.0), Word("two", 2.0, 3.5)),
        (Word("three", 3.75, 4.75),),
    ]
    assert told[0] is pieces[0]
    assert len(audio(pieces)) == round(4.75 * RATE)


def test_the_end_of_a_pause_is_no_part_of_the_word_after_it() -> None:
    words = (WordSpan("one", 0, 2, lead=1),)
    job = Job([replace(sentence(0, 300), words=words)], [1.0], RATE, streamed=True)
    work(job)
    [word] = [word for piece in fetched(job) for word in piece.words]
    assert (word.start, word.end) == pytest.approx((1.5 - LEAD_SECONDS, 3.0))


def test_the_steps_on_offer_are_in_the_order_of_their_due_times() -> None:
    job = asked(600, 100, 900)
    work(job, 3)
    dues = [task.due for task in job.ready_steps()]
    assert dues == sorted(dues)
    assert len(dues) > 3


def test_what_is_to_come_is_estimated_until_it_is_encoded_and_shrinks_as_it_is_made() -> None:
    job = asked(100, 300, pause=0.2)
    assert job.seconds == pytest.approx(0.5 + 0.2 + 1.5)
    work(job, 1)
    assert job.seconds == pytest.approx(1.0 + 0.2 + 1.5)
    while job.seconds > 2:
        work(job, 1)
    work(job, 2)
    assert job.seconds == pytest.approx(3.0)  # half of what was expected
    work(job, 1)
    assert job.seconds == pytest.approx(3.0 - WINDOW * FRAME_SECONDS)
    work(job)
    assert job.seconds == 0


def test_a_stream_pauses_when_its_reader_is_far_behind_and_goes_on_when_it_is_not() -> None:
    job = asked(*[600] * 5, streamed=True, pause=0.2)
    work(job)
    pieces = fetched(job)
    waiting = sum(len(piece.samples) for piece in pieces) / RATE
    assert AHEAD_SECONDS < waiting < AHEAD_SECONDS + 1.5 * WINDOW * FRAME_SECONDS + 0.2
    while not job.finished:
        assert work(job)
        pieces += fetched(job)
    assert sum(len(piece.samples) for piece in pieces) == 5 * 600 + 4 * 20


def test_windows_that_were_decoded_at_once_each_tell_their_own_time() -> None:
    job = asked(400)
    while not isinstance(next(job.ready_steps()).step, Decode):
        ended(job, taken(job))
    early, late = taken(job), taken(job)
    ended(job, late)
    assert fetched(job) == []
    ended(job, early)
    one, other = fetched(job)
    assert [interval.stage for interval in one.intervals].count(Stage.DECODE) == 1
    assert [interval.stage for interval in other.intervals] == [Stage.DECODE]


def test_no_more_of_a_stream_is_on_offer_than_may_wait_for_its_reader() -> None:
    """A batch takes many of a job's steps at once: what they make together is bounded too."""
    job = asked(100, *[800] * 5, streamed=True)
    while next(job.ready_steps(), None) is not None:
        tasks = [task for task in job.ready_steps() if isinstance(task.step, Decode)] or [next(job.ready_steps())]
        for task in tasks:
            job.begin(task, 0)
        for task in tasks:
            ended(job, task)
    assert sum(len(piece.samples) for piece in fetched(job)) / RATE < AHEAD_SECONDS + 1.5 * WINDOW * FRAME_SECONDS


def test_what_comes_later_does_not_keep_an_earlier_sentence_from_being_made() -> None:
    job = asked(400, 800, 800, streamed=True)
    ended(job, taken(job))
    held = taken(job)  # the first sentence's flow takes its time, and the others overtake it
    assert isinstance(held.step, Refine)
    while (task := next(job.ready_steps(), None)) is not None:
        job.begin(task, 0)
        ended(job, task)
    assert fetched(job) == []
    ended(job, held)
    pieces: list[AudioPiece] = []
    while not job.finished:
        assert work(job)
        pieces += fetched(job)
    assert sum(len(piece.samples) for piece in pieces) == 400 + 800 + 800


def test_a_whole_answer_does_not_pause() -> None:
    job = asked(*[600] * 5)
    work(job)
    assert job.finished


def test_a_wait_is_noted_while_nothing_of_the_job_runs() -> None:
    job = asked(100)
    job.update_wait(1000)
    assert job.waiting
    job.update_wait(2000)  # it waits already
    encode = next(job.ready_steps())
    job.begin(encode, 5000)
    assert not job.waiting
    job.update_wait(6000)
    assert not job.waiting
    ended(job, encode)
    job.update_wait(7000)
    job.begin(next(job.ready_steps()), 7001)
    work(job)
    assert not job.waiting


def test_the_first_audio_says_where_the_time_went() -> None:
    job = asked(50)
    job.update_wait(1000)
    encode = next(job.ready_steps())
    job.begin(encode, 5000)
    ended(job, encode)
    work(job)
    [piece] = fetched(job)
    assert [interval.stage for interval in piece.intervals] == [Stage.QUEUE, Stage.INFER, Stage.INFER, Stage.DECODE]
    assert piece.intervals[0].nanos == 4000


def test_a_step_that_is_given_back_is_offered_again_to_be_taken_alone() -> None:
    job = asked(300)
    work(job, 2)
    first, second = taken(job), taken(job)
    job.retry(second)
    job.retry(first)
    again = list(job.ready_steps())
    assert [(task.step, task.window, task.retry) for task in again] == [
        (first.step, 0, True),
        (second.step, 1, True),
    ]
    work(job)
    assert audio(fetched(job)) == spoken(sentence(0, 300)).tolist()


def test_a_retry_does_not_go_before_what_is_due_sooner() -> None:
    job = asked(600)
    work(job, 2)
    last = list(job.ready_steps())[-1]
    job.begin(last, 0)
    job.retry(last)
    dues = [task.due for task in job.ready_steps()]
    assert dues == sorted(dues)
    assert list(job.ready_steps())[-1].retry


def test_a_job_that_failed_offers_nothing_and_tells_its_first_failure() -> None:
    job, first = asked(300), RuntimeError("first")
    changes: list[int] = []
    job.changed = lambda: changes.append(1)
    work(job, 1)
    job.fail(first)
    job.fail(RuntimeError("second"))
    assert list(job.ready_steps()) == []
    assert job.failure is first
    assert changes
