"""Speaks a chapter in Markdown into a WAV file, and writes the times of its words as WebVTT beside it."""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import re
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

URL = os.environ.get("TTSCOPE_URL", "http://localhost:8010")
KEY = os.environ.get("TTSCOPE_API_KEY", "")
WORDS_A_LINE = 10


def parts(chapter: str, most: int) -> Iterator[str]:
    """Yields the chapter in parts of whole paragraphs, of at most so many characters unless one has more."""
    part = ""
    for paragraph in re.split(r"\n{2,}", chapter):
        if part and len(part) + len(paragraph) > most:
            yield part
            part = ""
        part += f"{paragraph}\n\n"
    if part.strip():
        yield part


def speak(text: str, voice: str | None) -> tuple[bytes, list[dict[str, Any]]]:
    """Returns the audio of a part, and its words with their times in seconds."""
    body = {"text": text, "input_type": "markdown", "response_format": "wav", "timestamps": True}
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {KEY}"} if KEY else {})}
    request = urllib.request.Request(
        f"{URL}/tts", json.dumps(body | ({"voice_name": voice} if voice else {})).encode(), headers
    )
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    return base64.b64decode(answer["audio"]), answer["timestamps"]


def captions(words: list[tuple[str, float, float]]) -> Iterator[str]:
    """Yields WebVTT, a line for every few words."""
    yield "WEBVTT\n"
    for start in range(0, len(words), WORDS_A_LINE):
        line = words[start : start + WORDS_A_LINE]
        yield f"{clock(line[0][1])} --> {clock(line[-1][2])}\n{' '.join(word for word, _, _ in line)}\n"


def clock(seconds: float) -> str:
    """Returns a time as WebVTT writes it."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02}:{minutes:02}:{rest:06.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapter", type=Path)
    parser.add_argument("audio", type=Path)
    parser.add_argument("--voice")
    parser.add_argument("--part", type=int, default=3000, help="the most characters of a part (default %(default)s)")
    options = parser.parse_args()
    words: list[tuple[str, float, float]] = []
    seconds = 0.0
    with wave.open(str(options.audio), "wb") as file:
        for part in parts(options.chapter.read_text(encoding="utf-8"), options.part):
            audio, times = speak(part, options.voice)
            with wave.open(io.BytesIO(audio)) as spoken:
                if not seconds:
                    file.setparams(spoken.getparams())
                file.writeframes(spoken.readframes(spoken.getnframes()))
                length = spoken.getnframes() / spoken.getframerate()
            words += [(each["word"], seconds + each["start_time"], seconds + each["end_time"]) for each in times]
            seconds += length
    options.audio.with_suffix(".vtt").write_text("\n".join(captions(words)), encoding="utf-8")
    print(f"{seconds:.1f} seconds, {len(words)} words")


if __name__ == "__main__":
    main()
