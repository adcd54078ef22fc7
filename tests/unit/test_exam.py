"""The field's own exam: NVIDIA's English test data, a floor for each class, and what is read otherwise on purpose.

tests/readings/README.md says what counts as the same.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest

from server.text.phonemes import Phonemizer
from server.text.reading import read_text
from server.verification.spoken_words import SIGNS, plainly
from tests.server_process import ROOT

FOLDER = ROOT / "tests" / "readings" / "nemo"
SEVERAL = "normalize_with_audio"
"""The class whose texts have several readings."""
FLOOR = 87
"""Percent of all texts."""
FLOORS = {
    "address": 90, "cardinal": 88, "date": 100, "decimal": 100, "electronic": 71, "fraction": 75, "math": 100,
    "measure": 85, "money": 97, SEVERAL: 84, "ordinal": 66, "punctuation": 87, "punctuation_match_input": 84,
    "range": 75, "roman": 100, "serial": 75, "special_text": 90, "telephone": 100, "time": 95, "whitelist": 85,
    "word": 100,
}  # fmt: skip
"""Percent of each class."""

LONG = (
    "This example number 15,000 can be a very long one, and can fail to produce valid normalization for such an easy "
    "number like 10,125 or dollar value $5349.01,{} 452."
).format(" and can fail to terminate," * 5)
OTHERWISE = {
    "A web address is read as a person dictates it, without its scheme and www.": [
        "http://www.ourdailynews.com.sm", "https://www.ourdailynews.com.sm", "www.ourdailynews.com.sm",
        "www.ourdailynews.com/123-sm", "https://developer.nvidia.com/drive-sim-early-access-program",
        "https://developer.nvidia.com/cv-cuda/early-access", "https://www.nvidia.com/dgx-basepod",
        "https://www.nvidia.com/dgx-basepod.sm/3", "http://www.nvidia.com/rtx-6000",
        "https://www.nvidia.com/dgx-basepod/",
    ],
    "The words inside an address are not looked up: jpg is said by its letters, by espeak.": [
        "file:///photos/image.jpg", "rtxprohelp@exchange.nvidia.com", "enterpriseservices@nvidia.com",
    ],
    "A dash between numbers is said: to, or a pause between falling numbers.": [
        "from 2-10", "2-5", "170 - 45190", "1-8090", "1-413-te-b-1-5", "5-3-Ws", "2%-10%",
        "1961\u20131965 and (2006\u20132012)",
    ],
    "A number of five or six digits is a quantity; only longer ones are digits.": [
        "13000", "123000", "MIG-25/235212-asdg", "123/261788/2021",
    ],
    "A number of three or four digits is said in full where nothing tells that it is a code.": [
        LONG, "2,500", "A321sam", "your otp is ab9453",
    ],
    "An ordinal with the wrong ending is the ordinal that was meant.": [
        "1th", "2th", "3th", "4rd", "11st", "12nd", "13rd", "21th", "111st",
    ],
    "A slash between large numbers, or before 1, is no fraction.": ["1/2007", "12639/12640", "2 142/1", "1795 / 1805"],
    "1/24 and 2/8 are fractions; only a word such as on makes them dates.": ["1/24", "2/8", "for Tu (2/22) at 5 pm."],
    "A unit is said in full, in the plural, also after a space, and m2 after a sum.": [
        "80 s", "3 cc/s", "45º&C", "2+3 m2",
    ],
    "The currency's name stands after the amount, with its country.": ["US $76.3 trillion", "$12@12%"],
    "Less than one is zero point.": ["$.506"],
    "x between numbers is by, * is times, and 1/f has a slash.": ["2x8", "2*8", "1/f"],
    "Full hours after noon are hundred hours.": ["23:00"],
    "80's is the decade.": ["80's"],
    "I after a first name is the pronoun, unless a ruler has that name.": ["Sam I"],
    "A street is a street without a house number too.": ["Main St."],
    "Missis is how espeak's spelling of Mrs sounds right.": ["Mrs. Norris"],
    "What has no meaning is read as it stands: quotation marks after a number, markup, a lone section sign.": [
        "\"12's and 3'sssssss\"", '"text 7" text ".', "test .b@gmail.com", "123,000012", "<pitch=-.3>123?123</pitch>",
        "<pitch=-.3>123 123</pitch>", "ÀÁÂÃ check §- and ƛ, also ɧ",
    ],
}  # fmt: skip
"""Why a text is read otherwise, and the texts."""


def single_readings(name: str) -> list[tuple[str, list[str]]]:
    lines = (FOLDER / f"test_cases_{name}.txt").read_text().splitlines()
    pairs = [line.partition("~") for line in lines]
    return [(written, [spoken]) for written, mark, spoken in pairs if mark and written.strip()]


def several_readings() -> list[tuple[str, list[str]]]:
    texts: list[tuple[str, list[str]]] = []
    for line in (FOLDER / f"test_cases_{SEVERAL}.txt").read_text().splitlines():
        if line.startswith("~"):
            texts.append((line.strip("~"), []))
        elif line.strip():
            texts[-1][1].append(line)
    return texts


@cache
def exam() -> dict[str, dict[str, list[bool]]]:
    """For each class its texts, and whether each was read right; some stand there twice."""
    names = sorted(path.stem.removeprefix("test_cases_") for path in FOLDER.glob("*.txt"))
    results: dict[str, dict[str, list[bool]]] = {}
    for name in names:
        texts = several_readings() if name == SEVERAL else single_readings(name)
        results[name] = defaultdict(list)
        for written, readings in texts:
            own = " ".join(sentence.text for sentence in read_text(" ".join(written.split()), "en"))
            results[name][written].append(plainly(own) in map(plainly, readings))
    return results


def percent(results: list[bool]) -> float:
    return 100 * sum(results) / len(results)


@pytest.mark.parametrize("name", FLOORS)
def test_each_class_is_read_right(name: str) -> None:
    assert percent([right for results in exam()[name].values() for right in results]) >= FLOORS[name]


def test_all_classes_have_a_floor_and_all_texts_together_too() -> None:
    assert exam().keys() == FLOORS.keys()
    assert min(FLOORS.values()) >= 60
    results = [right for texts in exam().values() for results in texts.values() for right in results]
    assert len(results) == 565
    assert percent(results) >= FLOOR


def test_what_is_read_otherwise_is_listed_with_its_reason() -> None:
    otherwise = {written for texts in exam().values() for written, results in texts.items() if not all(results)}
    listed = [written for texts in OTHERWISE.values() for written in texts]
    assert len(listed) == len(set(listed))
    assert otherwise == set(listed)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("one minus two", "One negative two!"),
        ("three oh five", "three zero five"),
        ("the fifth of May", "May fifth"),
        ("two hundred and one", "two hundred one"),
        ("10 A.M. E S T", "ten AM EST"),
        ("1,234.50 and 004", "one thousand two hundred thirty four point five zero zero zero four"),
    ],
)
def test_the_comparison_is_lenient(left: str, right: str) -> None:
    assert plainly(left) == plainly(right)


@pytest.mark.parametrize(
    ("left", "right"), [("one", "two"), ("five to six", "five six"), ("June fifth", "May fifth"), ("5 km", "5 k")]
)
def test_the_comparison_sees_differences(left: str, right: str) -> None:
    assert plainly(left) != plainly(right)


@pytest.mark.parametrize(
    "written", ["1,234,567", "3.14", "13000", "25d08", "C24", *sorted(SIGNS.keys() - {"&", "€", "₩"})]
)
def test_what_the_comparison_says_for_espeak_is_what_espeak_says(written: str) -> None:
    """Stress aside; and espeak does not know the word won, and says euros for the sign."""

    def sound(text: str) -> str:
        symbols = [symbol for sentence in Phonemizer().phonemize(text, "en-us") for symbol in sentence]
        return "".join(symbol for symbol in symbols if symbol.isalpha() and symbol != "\u02c8")

    assert sound(f"it is {written}") == sound(f"it is {plainly(written)}")
