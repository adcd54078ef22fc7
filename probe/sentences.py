"""The sentences that the prober has spoken: fixed ones, and generated ones that no cache and no tuning can know."""

from __future__ import annotations

import random

FIXED = (
    "The old man walked slowly along the river and watched the boats.",
    "Please bring three cups of tea and some bread for the children.",
    "It was raining when the last train left the station at half past nine.",
    "She opened the letter with great care and read it twice before she spoke.",
    "Every window in the house was open, and a warm wind moved the curtains.",
)
"""The same in every round, so that their figures can be compared."""
COUNT = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."
"""What a voice of any language can read. It is not recognised."""
SUBJECTS = ("The teacher", "My brother", "A young doctor", "The captain", "Our neighbor", "The woman in the garden")
VERBS = ("found", "carried", "bought", "counted", "remembered", "described")
OBJECTS = ("books", "green apples", "small boxes", "letters", "silver coins", "pictures of the sea")
PLACES = ("in the market", "near the bridge", "behind the school", "at the hotel", "on the second floor")
TIMES = ("this morning", "last winter", "before dinner", "on Friday", "two weeks ago")


def generated(rng: random.Random) -> str:
    """Returns a sentence with a number, one of 900,000."""
    number = rng.randint(2, 200)
    parts = (rng.choice(SUBJECTS), rng.choice(VERBS), str(number), rng.choice(OBJECTS))
    return f"{' '.join(parts)} {rng.choice(PLACES)} {rng.choice(TIMES)}."
