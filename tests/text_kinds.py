"""Texts of every kind that clients send, the odd ones as often as the plain."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.clients.texts import PROSE
from server.text.counts import count_words
from server.text.normalize import normalize
from server.utterance import Utterance, Voice

WORDS = PROSE["en"].split()
SINGLE = [
    "Hi.",
    "OK",
    "Yes.",
    "No!",
    "I",
    "Go",
    "Stop.",
    "Wait?",
    "Hello!",
    "Through",
    "strength",
    "rhythm",
    "idea",
    "area",
    "Iowa",
    "Antidisestablishmentarianism",
    "a",
    "Queue",
    "eye",
    "straightforwardly",
    "Thanks.",
    "internationalization",
    "ooh",
    "x",
    "Q",
    "w",
]
NAMES = [
    "NASA",
    "FBI",
    "HTTP",
    "CPU",
    "USA",
    "UNESCO",
    "IBM",
    "WWW",
    "GPU",
    "SQL",
    "NATO",
    "BBC",
    "DVD",
    "XML",
    "ASCII",
    "JSON",
    "AWS",
    "TLS",
]
EMOJI = [
    "😀",
    "😂",
    "🎉",
    "🚀",
    "❤️",
    "👍",
    "🐙",
    "🌧️",
    "🍕",
    "🏳️\u200d🌈",
    "👩\u200d👩\u200d👧\u200d👦",
    "🇫🇷",
    "👋🏽",
    "🤖",
    "🧪",
    "☕",
]
SIGNS = [
    "$",
    "%",
    "&",
    "@",
    "#",
    "+",
    "=",
    "<",
    ">",
    "~",
    "^",
    "|",
    "\\",
    "/",
    "*",
    "_",
    "€",
    "£",
    "¥",
    "§",
    "©",
    "°",
    "→",
    "½",
    "²",
    "™",
    "…",
]
CURRENCIES = ("${}", "€{}", "£{}", "{} USD", "{}%", "¥{}")
MONTHS = ["January", "March", "May", "July", "September", "December"]
DECIMALS = ("3.14159", "1,234,567.89", "0.001", "-40", "2e10", "192.168.0.1")
TIMES = ("7:30", "12:05 p.m.", "23:59:59", "4am", "1970s", "3rd", "21st")
CODE = ("for (i = 0; i < 10; i++) { x[i] += 1; }", "def f(x): return x**2 # square", "rm -rf /tmp/a.txt && ls -la")
VERSIONS = ("v1.2.3", "Python 3.11.4", "RTX 4090", "A4", "B2B", "IPv6", "MP3", "x86_64")
UNITS = ("5kg", "10 km/h", "3 m²", "20°C", "100 MHz", "6 ft 2 in", "15 lbs")
LONG_WORDS = (
    "Donaudampfschifffahrtsgesellschaft",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "floccinaucinihilipilification",
)
FOREIGN = ("naïve", "café", "Łódź", "Dvořák", "smörgåsbord", "αβγ", "Москва", "привет")
SCRIPTS = ("東京", "你好", "ありがとう", "สวัสดี", "नमस्ते", "안녕")
HYPHENS = ("state-of-the-art", "mother-in-law", "re-enter", "x-ray", "A/B", "and/or")
SLANG = ("gonna", "y'all", "'cause", "brb", "imo", "wtf", "I'd've", "rock'n'roll", "u r gr8")
LAUGHTER = ("ha", "haha", "hahahahahahaha", "lol", "hmmm", "zzzzzz", "noooooo")
MARKS = ".!?-,;:'\"()[]*_"
TITLES = ["Dr.", "Mr.", "Mrs.", "St.", "Prof.", "Gen."]


def prose(rng: random.Random, words: int) -> str:
    """So many words of books, from anywhere."""
    start = rng.randrange(len(WORDS))
    return " ".join((WORDS * 3)[start : start + words])


def number(rng: random.Random) -> str:
    """Of 1 to 9 digits."""
    return str(rng.randrange(10 ** rng.randint(1, 9)))


def several(rng: random.Random, items: Iterable[str], low: int, high: int, joint: str = " ") -> str:
    pool = list(items)
    return joint.join(rng.choice(pool) for _ in range(rng.randint(low, high)))


def url(rng: random.Random) -> str:
    path = several(rng, ("v1", "docs", "index.html", "a-b", "2024", "search?q=cats&page=2", "user_id=77"), 1, 4, "/")
    return f"https://www.{rng.choice(('example', 'my-shop24', 'bbc', 'github'))}.{rng.choice(('com', 'org'))}/{path}"


def marked(rng: random.Random) -> str:
    """Prose in which nearly every word has a mark."""
    words = prose(rng, rng.randint(3, 30)).split()
    return " ".join(word + rng.choice((",", ";", " -", "...", "!", "?!", ":", ".", "!!!", " —", "")) for word in words)


def date(rng: random.Random) -> str:
    return rng.choice(
        (f"{rng.choice(MONTHS)} {rng.randint(1, 31)}, 19{rng.randint(10, 99)}", "2024-03-17", "12/25/1999")
    )


def money(rng: random.Random) -> str:
    return rng.choice(CURRENCIES).format(number(rng))


def joined(rng: random.Random, make: Callable[[random.Random], str], most: int, joint: str) -> str:
    return joint.join(make(rng) for _ in range(rng.randint(1, most)))


def quote(rng: random.Random) -> str:
    return f'"{prose(rng, rng.randint(1, 8))}" (said {prose(rng, 2)})'


def mail(rng: random.Random) -> str:
    return f"Write to {several(rng, ('john', 'doe', 'x99', 'info'), 1, 2, '.')}@{rng.choice(NAMES).lower()}.co.uk"


def repeated(rng: random.Random) -> str:
    return rng.choice("aoeszmhwxk") * rng.randint(3, 30) + rng.choice(("", " yes"))


def marks_alone(rng: random.Random) -> str:
    return f"a {''.join(rng.choices(MARKS, k=rng.randint(1, 60)))}{rng.choice(('', ' b'))}"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "prose": lambda rng: prose(rng, rng.randint(4, 40)),
    "one word": lambda rng: rng.choice(SINGLE),
    "two or three words": lambda rng: prose(rng, rng.randint(2, 3)),
    "digits": lambda rng: several(rng, [number(rng) for _ in range(20)], 1, 8),
    "long digits": lambda rng: "".join(rng.choices("0123456789", k=rng.randint(5, 45))),
    "decimals": lambda rng: several(rng, DECIMALS, 1, 5, ", "),
    "dates": lambda rng: joined(rng, date, 4, " to "),
    "times": lambda rng: several(rng, TIMES, 1, 6, ", "),
    "money": lambda rng: joined(rng, money, 6, " and "),
    "telephone": lambda rng: several(rng, ("+1 (555) 010-9988", "555-0134", "0800 123 4567"), 1, 3, " or "),
    "url": url,
    "mail": mail,
    "acronyms": lambda rng: several(rng, NAMES, 1, 12),
    "capitals": lambda rng: prose(rng, rng.randint(2, 25)).upper(),
    "spelled": lambda rng: several(rng, "abcdefghijklmnopqrstuvwxyzABCDEFGHXYZ", 2, 20),
    "random letters": lambda rng: "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 90))),
    "consonants": lambda rng: several(rng, ["".join(rng.choices("bcdfghklmnpqrstvwxz", k=5)) for _ in range(9)], 1, 8),
    "repeated": repeated,
    "laughter": lambda rng: several(rng, LAUGHTER, 1, 6),
    "list": lambda rng: " ".join(f"{i}. {prose(rng, rng.randint(1, 6))}" for i in range(1, rng.randint(3, 9))),
    "bullets": lambda rng: " ".join(f"- {prose(rng, rng.randint(1, 4))}" for _ in range(rng.randint(2, 8))),
    "quotes": lambda rng: joined(rng, quote, 4, " "),
    "marks": marked,
    "marks alone": marks_alone,
    "emoji": lambda rng: several(rng, EMOJI, 1, 12, rng.choice(("", " "))),
    "emoji in prose": lambda rng: f"{prose(rng, rng.randint(3, 12))} {several(rng, EMOJI, 1, 3)} {prose(rng, 4)}",
    "signs": lambda rng: several(rng, SIGNS, 1, 12, rng.choice(("", " "))) + " x",
    "sum": lambda rng: f"{number(rng)} + {number(rng)} = {number(rng)}; x^2 - 4 < 7 & y > 3",
    "code": lambda rng: rng.choice(CODE),
    "hexadecimal": lambda rng: f"{rng.getrandbits(rng.choice((16, 32, 64, 128))):x}",
    "versions": lambda rng: several(rng, VERSIONS, 1, 7),
    "roman": lambda rng: several(rng, ("Louis XIV", "Chapter VIII", "World War II", "MCMXCIX"), 1, 3, " and "),
    "titles": lambda rng: joined(rng, lambda rng: f"{rng.choice(TITLES)} Smith", 5, " met "),
    "units": lambda rng: several(rng, UNITS, 1, 6, ", "),
    "long words": lambda rng: several(rng, LONG_WORDS, 1, 4),
    "foreign letters": lambda rng: several(rng, FOREIGN, 1, 6),
    "other scripts": lambda rng: several(rng, SCRIPTS, 1, 3),
    "hyphens": lambda rng: several(rng, HYPHENS, 1, 7),
    "slang": lambda rng: several(rng, SLANG, 1, 9),
}
"""What a text of each kind is like."""

SPEEDS = (0.25, 0.5, 0.75, 1.25, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be said, and what kind of text it is."""

    kind: str
    text: str
    speed: float = 1.0

    def utterance(self, voice: Voice, language: str = "en") -> Utterance:
        return Utterance(self.text, voice, language, count_words(self.text), len(self.text), self.speed)


def wishes(each: int, long: Iterable[int], speeds: int, seed: int = 6) -> list[Wish]:
    """``each`` texts of every kind, prose of so many words as ``long`` says, ``speeds`` texts at every other speed."""
    rng = random.Random(seed)  # the same texts at every run
    found = [Wish(kind, normalize(make(rng))) for kind, make in KINDS.items() for _ in range(each)]
    found += [Wish(f"{words} words", prose(rng, words)) for words in long]
    kinds = list(KINDS)
    for speed in SPEEDS:
        for number in range(speeds):
            kind = "prose" if number % 2 else rng.choice(kinds)
            found.append(Wish(f"speed {speed:g}", normalize(KINDS[kind](rng)), speed))
    return found
