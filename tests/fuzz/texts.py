"""Texts that strain a phonemizer: repeated units, stacked affixes, marks, scripts, numbers, and all of these mixed."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

VOICES = (
    "en-us", "de", "fr", "ru", "es", "it", "pl", "nl", "pt-br", "sv", "tr", "vi", "cmn", "ar", "hi", "fi",
)  # fmt: skip
"""Of espeak; the languages of the voices that may be installed, and others whose rules differ much from theirs."""
LONGEST = 5_000
"""Characters of a text: as many as a request may have by default."""
LETTERS = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "latin with marks": "äöüßéèêëàâçñãõåøœæšžčřłńśźżğışőűđơưạảấầẩẫậ",
    "cyrillic": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗ",
    "greek": "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔ",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढतथदधनपफबभमयरलवशषसह",
    "tamil": "அஆஇஈஉஊஎஏகஙசஞடணதநபமயரலவழளறன",
    "thai": "กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "han": "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年",
    "kana": "あいうえおかきくけこさしすせそアイウエオカキクケコ",
    "hangul": "가나다라마바사아자차카타파하한국어",
    "ethiopic": "ሀሁሂሃሄህሆለሉሊላሌልሎ",
    "four bytes each": "𐌰𐌱𐌲𐌳𐐀𐐁𐐂𐐃𝐀𝐁𝐚𝐛𝔸𝕏𝟘𝟙𠀀𠀁",
    "ligatures and wide": "ﬀﬁﬂﬃﷺﷻ㍻㎏㏒ＡＢＣａｂｃ①②Ⅷⅻ½¾",
}
MARKS = "\u0300\u0301\u0308\u0327\u0338\u0345\u0363\u0591\u05bc\u064b\u0651\u093c\u094d\u0e31\u20dd\u20e3\u3099\ufe20"
FORMAT = (
    "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2062\u2066\u2069\ufe0f\ufeff\ufff9\U000e0061"
)
"""Characters of Unicode's category Cf and the like, which a text may have."""
SPACES = "\t\n\u00a0\u1680\u2003\u2028\u2029\u202f\u3000"
SIGNS = "'’ʼ`´\"-–—‐‑_./\\:;,!?…·•*+=#%&@^~|<>[](){}$€£¥°§¶†©®™¿¡«»„“”、。！？،؛؟।॥"
DIGITS = "0123456789٠١٢٣४५६๐๑²³₄"
EMOJI = ("😀", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇫", "5️⃣", "🧑🏿‍🚀", "☃", "♞", "⠿", "🀄", "🜁", "\U0001f9d1\u200d")
PRIVATE = "\ue000\uf8ff\U000f0000\ufffe\uffff\ufffd\ufdd0"
"""Private use, noncharacters, and the replacement character."""
SUFFIXES = (
    "'s", "s'", "'", "’s", "'ll", "'ve", "n't", "'d", "ing", "ed", "er", "est", "ly", "ness", "less", "ful", "s", "es",
    "ation", "isation", "able", "heit", "keit", "ung", "chen", "lein", "ment", "mente", "ismo", "ость", "ами", "ский",
    "lar", "ler", "dir", "ssa", "llä", "kaan", "ować", "-like", "-ish",
)  # fmt: skip
PREFIXES = ("un", "re", "anti", "pre", "über", "ver", "vor", "be", "ge", "dis", "mega", "l'", "d'", "qu'", "пере", "не",
            "al-", "ال", "O'", "Mc", "e-", "co-", "ex-")  # fmt: skip
ABBREVIATIONS = ("U.S.", "e.g.", "i.e.", "A.B.", "a.a.", "z.B.", "Dr.", "p.ex.", "Ph.D.", "и.о.", "т.е.", "a.m.", "No.")
NUMBERS = ("1", "22", "1.", "1,000", "3.14", "1/2", "1e9", "007", "12:34", "1st", "$5", "50%", "IV", "MCMXC", "0x1F", "-7",
           "1.1.1.1", "2001-01-01", "99999999999999999999999", "+49", "½", "²")  # fmt: skip
MARKUP = ('<break time="1s"/>', "<speak>", "</p>", "&lt;", "&#1;", "&amp;amp;", "<!--", "]]>", "<![CDATA[", "[[h@l'oU]]",
          "[[", "]]", "<voice name='de'>", "<audio src=x>", "&#xD800;", "{{", "\\x01", "<say-as interpret-as='characters'>",
          "<phoneme ph='a'>")  # fmt: skip
JOINTS = ("", "", "", " ", ".", "'", "-", "/", ",", "_", ". ", "\u200d", "\u00ad", "\u0301", "\n")


def text(rng: random.Random) -> str:
    """One to four parts, 5,000 characters at most, all of which a request may have; never nothing."""
    parts = [rng.choice(KINDS)(rng) for _ in range(rng.choice((1, 1, 1, 2, 3, 4)))]
    made = rng.choice((" ", "", ". ", ", ", "'", "."))
    return possible(made.join(parts))[:LONGEST] or "a"


def possible(written: str) -> str:
    """``written`` without what no text may have: control characters and halves of surrogate pairs."""
    return "".join(one for one in written if one in "\t\n\r" or unicodedata.category(one) not in ("Cc", "Cs"))


def repeated(rng: random.Random) -> str:
    """A unit of one to four pieces, over and over: 2 to 400 times, half the times more than 80."""
    unit = "".join(piece(rng) for _ in range(rng.randint(1, 4)))
    times = rng.randint(2, 80) if rng.random() < 0.5 else rng.randint(80, 400)
    return rng.choice(JOINTS).join([unit] * times)[:LONGEST]


def dotted(rng: random.Random) -> str:
    """Letters of a script, each followed by the same sign, as in a.b.c., with other signs after a few of them."""
    letters, sign, times = rng.choice(list(LETTERS.values())), rng.choice((".", ".", ".", *SIGNS)), rng.randint(5, 300)
    rare = rng.random() * 0.05
    return "".join(
        rng.choice(letters) + (rng.choice(("'s", " ", "-", "'", "..", MARKS[0])) if rng.random() < rare else sign)
        for _ in range(times)
    )


def affixed(rng: random.Random) -> str:
    """A word with up to 200 suffixes and up to 60 prefixes, of one kind or several."""
    suffixes = rng.sample(SUFFIXES, rng.randint(1, 3))
    prefixes = rng.sample(PREFIXES, rng.randint(1, 2))
    before = "".join(rng.choice(prefixes) for _ in range(rng.choice((0, 1, 5, 20, 60))))
    after = "".join(rng.choice(suffixes) for _ in range(rng.choice((1, 5, 20, 60, 120, 200))))
    return before + word(rng, rng.randint(0, 8)) + after


def marked(rng: random.Random) -> str:
    """Letters with combining marks on them, up to 200 each."""
    letters, most = rng.choice(list(LETTERS.values())), rng.choice((1, 3, 30, 200))
    return "".join(
        rng.choice(letters) + "".join(rng.choices(MARKS, k=rng.randint(0, most))) for _ in range(rng.randint(1, 40))
    )


def long_word(rng: random.Random) -> str:
    """Up to 1,500 letters of a script without a space."""
    return word(rng, rng.choice((39, 40, 41, 79, 80, 81, 159, 160, 161, 300, 1500)))


def long_sentence(rng: random.Random) -> str:
    """Up to 1,000 words without the end of a clause."""
    script = rng.choice(list(LETTERS.values()))
    return " ".join("".join(rng.choices(script, k=rng.randint(1, 9))) for _ in range(rng.choice((50, 300, 1000))))


def numbers(rng: random.Random) -> str:
    """Numbers, dates and amounts, joined by signs."""
    if rng.random() < 0.3:
        return "".join(rng.choices(DIGITS + ".,", k=rng.choice((10, 40, 80, 200, 1000))))
    return rng.choice(JOINTS).join(rng.choices(NUMBERS, k=rng.randint(1, 120)))


def mixture(rng: random.Random) -> str:
    """Up to 300 pieces of all kinds, in a row."""
    return "".join(piece(rng) for _ in range(rng.choice((3, 10, 40, 300))))


def any_characters(rng: random.Random) -> str:
    """Characters of all of Unicode, from one block or from all over."""
    start = rng.randrange(0x20, 0x30000)
    width = rng.choice((16, 256, 0x20000))
    return "".join(chr(min(start + rng.randrange(width), 0x10FFFF)) for _ in range(rng.choice((5, 50, 400))))


def signs(rng: random.Random) -> str:
    """Signs in a row: one kind, or all."""
    some = rng.choice(SIGNS) if rng.random() < 0.5 else SIGNS
    return "".join(rng.choices(some, k=rng.choice((5, 30, 200, 1000))))


def word(rng: random.Random, length: int) -> str:
    """So many letters of one script."""
    return "".join(rng.choices(rng.choice(list(LETTERS.values())), k=length))


def piece(rng: random.Random) -> str:
    """A character or a few that belong together."""
    kind = rng.randrange(14)
    if kind < 4:
        return word(rng, rng.choice((1, 1, 1, 2, 5)))
    choices = (SIGNS, SUFFIXES, ABBREVIATIONS, DIGITS, MARKS, FORMAT, SPACES, EMOJI, NUMBERS, MARKUP + tuple(PRIVATE))
    return rng.choice(choices[kind - 4])


KINDS: tuple[Callable[[random.Random], str], ...] = (
    repeated, repeated, repeated, dotted, affixed, affixed, marked, long_word, long_sentence, numbers, mixture,
    any_characters, signs,
)  # fmt: skip
"""How often each is made is how often it stands here."""
