"""Numbers, dates, money, times and measures as they are heard: a recogniser understands the words that are meant."""

from __future__ import annotations

import io
import re
import wave

import numpy as np

from tests.http_calls import speak
from tests.recognition import errors, recognise, words

MEANT = {
    "The book costs $3.50 at the store.": "the book costs [three dollars and fifty cents] at the store",
    "They raised $2-4 million in a week.": "they raised [two to four million dollars] in a week",
    "It was -20°C outside this morning.": "it was [minus twenty degrees] celsius outside this morning",
    "He lived there from 2010 - 2015.": "he lived there from [twenty ten to twenty] fifteen",
    "She was born on May 20, 1984.": "she was born on [may twentieth nineteen eighty four]",
    "The report came out on 2025/03/02.": "the report came out on [march second twenty twenty five]",
    "They ate dinner at 8:30 p.m. on Sunday.": "they ate dinner at [eight thirty p m] on sunday",
    "The train leaves at 7:05 in the morning.": "the train leaves at [seven oh five] in the morning",
    "They moved to St. Louis last year.": "they moved to [saint louis] last year",
    "Dr. Smith has a house on Main St. in the city.": "[doctor smith] has a house on [main street] in the city",
    "Please read pages 10-20 before the class.": "please read [pages ten to twenty] before the class",
    "He walked 5-10 km along the river every day.": "he walked five to [ten kilometers] along the river every day",
    "About 25% of 1,200 people said yes.": "about [twenty five percent] of [one thousand two hundred] people said yes",
    "Pour 3 1/2 cups of water and wait 30 min.": "pour [three and a half cups] of water and wait [thirty minutes]",
}
"""Texts, and the words that a person means by them; those in brackets are what the written forms stand for."""
SAME = {"st": "saint", "dr": "doctor", "am": "a m", "pm": "p m"}
"""How the recogniser writes some words."""
TRIES = 5
"""The voice says a text a little differently each time, and the recogniser takes one word in twelve for another. Of
twelve clips of a text, at most two had a form that was not heard."""


def heard(url: str, text: str) -> list[str]:
    """Returns the words of a text as the server's voice says it."""
    _, _, audio = speak(url, text, cache=False)
    with wave.open(io.BytesIO(audio)) as file:
        samples, rate = np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()
    recognised = recognise(samples.astype(np.float32) / 32768, rate)
    return " ".join(SAME.get(word, word) for word in recognised).split()


def test_what_written_forms_stand_for_is_heard(server_url: str) -> None:
    """Each form is heard in one of a few clips; of all words, seven to eleven percent were not (without rules 34)."""
    wrong = total = 0
    missed = {}
    for text, meant in MEANT.items():
        forms = set(re.findall(r"\[(.*?)\]", meant))
        clips = []
        while forms and len(clips) < TRIES:
            clips.append(heard(server_url, text))
            forms = {form for form in forms if f" {form} " not in f" {' '.join(clips[-1])} "}
            wrong += errors(words(meant), clips[-1])
            total += len(words(meant))
        if forms:
            missed[text] = clips
    print(f"word error rate {wrong / total:.1%}")
    assert missed == {}
    assert wrong / total < 0.2
