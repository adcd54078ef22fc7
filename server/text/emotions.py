"""Emotion tags: feelings and manners of speech in parentheses, such as (happy), which are not spoken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

TAGS = (
    # feelings
    "happy", "sad", "angry", "excited", "calm", "afraid", "amazed", "amused", "annoyed", "anxious", "ashamed", "bored",
    "cheerful", "confident", "confused", "curious", "delighted", "depressed", "disappointed", "disgusted",
    "embarrassed", "empathetic", "enthusiastic", "fearful", "friendly", "frustrated", "furious", "grateful", "guilty",
    "hopeful", "hopeless", "hurt", "impatient", "indifferent", "jealous", "joyful", "lonely", "loving", "melancholic",
    "moved", "nervous", "neutral", "nostalgic", "panicked", "playful", "proud", "relaxed", "relieved", "resigned",
    "sarcastic", "satisfied", "scared", "scornful", "serious", "shocked", "surprised", "sympathetic", "tender", "tense",
    "tired", "uncertain", "unhappy", "upset", "worried",
    # manners of speech
    "breathy", "chuckle", "chuckles", "chuckling", "cough", "coughing", "coughs", "crying", "gasp", "gasping", "gasps",
    "giggle", "giggles", "giggling", "groan", "groaning", "groans", "hesitating", "laugh", "laughing", "laughs",
    "laughter", "monotone", "mumbling", "panting", "pause", "pauses", "screaming", "shouting", "sigh", "sighing",
    "sighs", "singing", "sniffing", "sobbing", "whisper", "whispering", "whispers", "yawning", "yelling",
    # the commonest feelings in German, French, Spanish and Italian
    "glücklich", "fröhlich", "traurig", "wütend", "aufgeregt", "ruhig", "flüsternd", "lachend",
    "heureux", "heureuse", "joyeux", "joyeuse", "triste", "en colère", "calme", "en chuchotant", "en riant",
    "feliz", "enojado", "enojada", "tranquilo", "tranquila", "susurrando", "riendo",
    "felice", "arrabbiato", "arrabbiata", "calmo", "calma", "sussurrando", "ridendo",
)  # fmt: skip
"""The tags of TTSCOPE_EMOTION_TAGS' default."""
MASK = "\0"
"""Stands for each character of a tag in a text whose positions must not change; no client can send it."""


class EmotionTags:
    """A closed list of tags; whatever else is in parentheses is spoken."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """``names`` are matched in any case; without any, the tags are TAGS."""
        spellings = {
            r"\s".join(map(re.escape, unicodedata.normalize(form, name).split()))
            for name in tuple(names) or TAGS
            for form in ("NFC", "NFD")
        }
        alternatives = "|".join(sorted(spellings, key=lambda each: (-len(each), each)))
        # Several tags in a row are one match, so that the space before the first one is found.
        self._pattern = re.compile(rf"(?:[^\S\r\n]?(?<!\w)\((?:{alternatives})\))+(?!\w)", re.IGNORECASE)

    def remove(self, text: str) -> str:
        """Returns the text without its tags and the space before each."""
        return self._pattern.sub("", text) if "(" in text else text

    def mask(self, text: str) -> str:
        """Returns the text with MASK for each character that ``remove`` would remove.

        The space before a tag stays where another one follows, since it may be a part of markup: "# (happy) Title".
        """
        return self._pattern.sub(_masked, text) if "(" in text else text


def _masked(tags: re.Match[str]) -> str:
    follows = tags.string[tags.end() : tags.end() + 1]
    kept = tags[0][:1] if not follows.strip() and tags[0][0] != "(" else ""
    return kept + MASK * (len(tags[0]) - len(kept))


DEFAULT_TAGS = EmotionTags()
