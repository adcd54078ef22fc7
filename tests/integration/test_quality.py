"""The judgement of clips on the real voice: one text of every kind, sound and spoiled.

tests/long/test_quality_calibration.py does the same with ten times as many, and another voice.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.clip_judgement import Clip, calibrate, joe, judge, spoken
from tests.text_kinds import wishes


async def test_sound_speech_passes_and_what_is_spoiled_is_found(voices_folder: Path) -> None:
    clips = await spoken(joe(voices_folder), wishes(1, (30, 60), 0))
    result = calibrate(clips)
    print(result)
    assert result.clips > 35
    assert not result.unusable
    assert not result.false
    assert result.power("silence") == result.power("four times too loud") == 1.0
    assert result.power("cut at a loud point") >= 0.9
    assert result.power("half") >= 0.8
    assert result.power("twice") >= 0.4
    assert cost(clips) < 0.001


def cost(clips: list[Clip]) -> float:
    """Seconds of work for a second of audio; 0.0001 measured, the limit leaves room for a busy machine."""
    begun = time.thread_time()
    seconds = sum(judge(clip).seconds for clip in clips)
    return (time.thread_time() - begun) / seconds
