"""How written English is read: a table for each kind, the ends of sentences, and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.text import english
from server.text.phonemes import Phonemizer
from server.text.reading import read_text
from server.text.readings import put_into
from server.text.rules import apply
from server.utterance import MARKUP, Verbalization
from tests.reading_checks import check_that_nothing_is_dropped, check_that_time_is_linear
from tests.server_process import ROOT

PROSE = (ROOT / "tests" / "readings" / "prose.txt").read_text().splitlines()
SILENT = frozenset({"emoji", "emoticon", "ruler"})
"""The rules that skip what they match."""

KINDS: dict[str, list[tuple[str, str]]] = {
    "everyday": [
        ("I live in St. Louis.", "I live in Saint Louis."),
        ("by the St. Lawrence", "by the Saint Lawrence"),
        ("I live on Baker St. now.", "I live on Baker Street now."),
        ("Vitamin A is good, and an A or a grade A egg", "Vitamin eigh is good, and an eigh or a grade eigh egg"),
        ("A plan: a man, A to B", "A plan: a man, A to B"),
        ("1500 kg", "1500 kilograms"),
        ("a disk of 2048 MB", "a disk of 2048 megabytes"),
        ("1200 mg", "1200 milligrams"),
        ("-$3.50", "minus three dollars and fifty cents"),
        ("-20°C and \u221220 °C", "minus 20 degrees Celsius and minus 20 degrees Celsius"),
        ("30-50°C", "30 to 50 degrees Celsius"),
        ("Run 5-10 km.", "Run 5 to 10 kilometers."),
        ("$5-10 million", "5 to 10 million dollars"),
        ("from 2010 - 2015", "from twenty ten to twenty fifteen"),
        ("pages 10-20", "pages 10 to 20"),
        ("10 - 3 = 7", "10 minus 3 = 7"),
        ("10 - 3", "10 minus 3"),
        ("2025/03/04", "March fourth twenty twenty-five"),
        ("5/1/08", "May first oh eight"),
        ("In May 10,000 people came.", "In May 10,000 people came."),
        ("the 26th May", "the twenty-sixth of May"),
        ("1 1/2 cups", "1 and a half cups"),
        ("2:05:30", "2 hours 5 minutes and 30 seconds"),
        ("It costs 3,50 € 3 times.", "It costs three euros and fifty cents 3 times."),
    ],
    "money": [
        ("$3.5 or $.05", "three dollars and fifty cents or five cents"),
        ("a $5 bill", "a five dollar bill"),
        ("$20/mo", "twenty dollars per month"),
        ("US$5 and C$10.50", "five U S dollars and ten Canadian dollars and fifty cents"),
        ("CHF 50", "fifty Swiss francs"),
        ("€20\u201330", "20 to 30 euros"),
        ("$20-$30.50", "twenty dollars to thirty dollars and fifty cents"),
        ("$1.5m-$2m", "1.5 million dollars to 2 million dollars"),
        ("a $5-a-day job", "a five dollar-a-day job"),
        ("20 € or -€3", "twenty euros or minus three euros"),
        ("£1.01 and 99p", "one pound and one penny and 99 pence"),
        ("$200K", "200 thousand dollars"),
        ("$100+", "one hundred dollars+"),
        ("$4.50 USD", "four U S dollars and fifty cents"),
        ("min. $5", "minimum five dollars"),
    ],
    "measures": [
        ("a 5 km run", "a 5 kilometer run"),
        ("5 ft. tall", "5 feet tall"),
        ("8 oz. of cheese", "8 ounces of cheese"),
        ("3/4 lb, ½ lb", "3 quarters of a pound, one half pound"),
        ("2½ cups", "2 and a half cups"),
        ("a 10-kg bag", "a 10 kilogram bag"),
        ("5m people swam 100 m", "5 million people swam 100 meters"),
        ("9.58 s", "9.58 seconds"),
        ("10 km²", "10 square kilometers"),
        ("0.5 mL/kg/day", "0.5 milliliters per kilogram per day"),
        ("12/kg", "12 per kilogram"),
        ("speed in km/h", "speed in kilometers per hour"),
        ("a 98.6°F fever", "a 98.6 degree Fahrenheit fever"),
        ("2-4 in. of snow", "2 to 4 inches of snow"),
        ("5-10% or 5%-10%", "5 to 10 percent or 5 percent to 10 percent"),
        ("100 million kg", "100 million kilograms"),
        ("500mg-1g, 60 W 14th", "500 milligrams to 1 gram, 60 W fourteenth"),
        ("a high of 54F", "a high of 54 degrees Fahrenheit"),
        ("5G, 4K, B12", "5G, 4K, B12"),
        ("250ms-2s", "250 milliseconds to 2 seconds"),
        ("at 5 s intervals, a 1.2 GB, 1080p clip", "at 5 second intervals, a 1.2 gigabyte, 1080p clip"),
        ("We ran 5 km today, more than 5 kg too", "We ran 5 kilometers today, more than 5 kilograms too"),
        ("needs 8+ GB of RAM", "needs 8 plus gigabytes of ram"),
        ("1.5%/mo. or so", "1.5 percent per month or so"),
        ("1.5x faster, 2-3x the fee, 3x/day", "1.5 times faster, 2 to 3 times the fee, 3 times per day"),
        ("every ½ hr, 2 tablets q. 6 h, 2 g/24 h", "every half hour, 2 tablets every 6 hours, 2 grams per 24 hours"),
        ("160/100 mmHg", "160 over 100 millimeters of mercury"),
    ],
    "sizes": [
        ("6'2\"", "6 feet 2 inches"),
        ("8½\" x 11\"", "8 and a half by 11 inches"),
        ("25 x 7 m, 3 ft x 4 ft", "25 by 7 meters, 3 feet by 4 feet"),
        ("1-3\" deep", "1 to 3 inches deep"),
        ("1920×1080", "1920 by 1080"),
        ("5 × 3", "5 times 3"),
        ("an 8\u201d pan", "an 8 inch pan"),
        ('"chapter 7" text', '"chapter 7" text'),
        ("40°26′46″N", "40 degrees 26 minutes 46 seconds north"),
        ("a 6'2\" man, his 6'4\" son", "a 6 foot 2 man, his 6 foot 4 son"),
        ("1 x 400 g tin, 6 x 330 ml", "1 times 400 gram tin, 6 times 330 milliliters"),
        ("winds NW, wind SSE, SW", "winds northwest, wind south southeast, SW"),
    ],
    "dates": [
        ("July 4, 1776", "July fourth, seventeen seventy-six"),
        ("the 4th of July", "the fourth of July"),
        ("4-6 July", "the fourth to the sixth of July"),
        ("July 4-6", "July fourth to sixth"),
        ("Jan-15-2020", "January fifteenth twenty twenty"),
        ("15-Jan-20", "January fifteenth twenty"),
        ("on 3/15", "on March fifteenth"),
        ("Mon., Jan. 5", "Monday, January fifth"),
        ("Mon-Fri, Jan-Mar", "Monday to Friday, January to March"),
        ("3Q22, FY24", "third quarter of twenty-two, fiscal year twenty-four"),
        ("2024-03", "March twenty twenty-four"),
        ("2024-03-15T10:30:00Z", "March fifteenth twenty twenty-four, 10 30"),
        ("15 january", "the fifteenth of January"),
        ("6 & 9 Aug.", "the sixth and the ninth of August."),
        ("You may 5 times.", "You may 5 times."),
        ("In June 12 people left.", "In June 12 people left."),
        ("9/1/2025-5/31/2026", "September first twenty twenty-five to May thirty-first twenty twenty-six"),
        ("Feb. 28-Mar. 1", "February twenty-eighth to March first"),
        ("except 12/25 and 1/1", "except December twenty-fifth and January first"),
        ("08/2027", "August twenty twenty-seven"),
        ("13/2027", "13/2027"),
    ],
    "years": [
        ("in 1066", "in ten sixty-six"),
        ("44 BC", "44 B C"),
        ("1998\u201399", "nineteen ninety-eight to ninety-nine"),
        ("2019/20", "twenty nineteen twenty"),
        ("the class of '98, '23-'24", "the class of ninety-eight, twenty-three to twenty-four"),
        ("the '80s, 1960s-80s", "the eighties, nineteen sixties to eighties"),
        ("in his 20s", "in his twenties"),
        ("c. 1850", "circa eighteen fifty"),
        ("100s of people", "hundreds of people"),
        ("1984 people", "1984 people"),
        ("In 1984 students protested.", "In nineteen eighty-four students protested."),
        ("the 1996 Olympics", "the nineteen ninety-six Olympics"),
    ],
    "times": [
        ("5-7 p.m.", "5 to 7 P.M."),
        ("9:30-10:30", "9 30 to 10 30"),
        ("10.30 am \u2013 3.30 pm", "10 30 A.M to 3 30 P.M"),
        ("5 p.m. EST", "5 P.M E S T"),
        ("0600 hours", "oh 6 hundred hours"),
        ("John 3:16, 1 Cor. 13:4-7", "John 3 16, 1 Corinthians 13 4 to 7"),
        ("a ratio of 2:1 or 1:50,000", "a ratio of 2 to 1 or 1 to 50,000"),
        ("2:30 min, 1:00 h, 7:05 min. long", "2 minutes 30 seconds, 1 hour, 7 minutes 5 seconds long"),
    ],
    "telephone": [
        ("call 911", "call 9 1 1"),
        ("(555) 123-4567 ext. 12", "5 5 5, 1 2 3, 4 5 6 7, extension 1 2"),
        ("+44 20 7946 0958", "plus 4 4, 2 0, 7 9 4 6, 0 9 5 8"),
        ("1-800-FLOWERS", "1, 8 hundred, FLOWERS"),
        ("ending in 8876", "ending in 8 8 7 6"),
        ("4111 1111 1111 1111", "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1"),
        ("123456789012", "1 2 3 4 5 6 7 8 9 0 1 2"),
        ("v2.0 of 10.0.0.1", "v 2 point 0 of 1 0 dot 0 dot 0 dot 1"),
        ("DE89 3704 0044 0532 0130 00", "D E 8 9, 3 7 0 4, 0 0 4 4, 0 5 3 2, 0 1 3 0, 0 0"),
        ("12-3456789", "1 2, 3 4 5 6 7 8 9"),
        ("v2.x, 1.9.x, v3.4.0-rc.1", "v 2 point x, 1 point 9 point x, v 3 point 4 point 0 R C 1"),
    ],
    "addresses": [
        ("at 1428 Elm St. today", "at fourteen twenty-eight Elm Street today"),
        ("708 N 1st St", "seven oh eight North first Street"),
        ("12 Oak Dr. and Dr. Oak", "12 Oak Drive and Doctor Oak"),
        ("Santa Clara, CA 95051", "Santa Clara, California 9 5 0 5 1"),
        ("Phoenix, Ariz., is hot", "Phoenix, Arizona, is hot"),
        ("P.O. Box 12", "P O Box 12"),
        ("He said, OK.", "He said, OK."),
        ("PORTLAND, Ore. — now", "PORTLAND, Oregon — now"),
    ],
    "ranges": [
        ("won 3-0, passed 218-212", "won 3 to 0, passed 218 to 212"),
        ("pages 501-1000", "pages 501 to 1000"),
        ("a Boeing 737-800", "a Boeing 737 800"),
        ("aged 18-25", "aged 18 to 25"),
        ("pages 123-30", "pages 123 to 30"),
        ("5th-10th", "fifth to tenth"),
        ("4-4-2", "4 4 2"),
        ("COVID-19", "COVID-19"),
        ("hello - world", "hello , world"),
    ],
    "roman numerals": [
        ("Louis XIV's", "Louis the fourteenth's"),
        ("John Smith III", "John Smith the third"),
        ("Queen Elizabeth I was", "Queen Elizabeth the first was"),
        ("James and I", "James and I"),
        ("Rocky II, vol. XII", "Rocky 2, volume 12"),
        ("the XIX century", "the nineteenth century"),
        ("World War I", "World War 1"),
        ("Malcolm X, Vitamin C", "Malcolm X, Vitamin C"),
    ],
    "abbreviations": [
        ("No. 10 Downing St. is here.", "number 10 Downing Street is here."),
        ("Nos. 5 and 6", "numbers 5 and 6"),
        ("vol. 3, no. 4", "volume 3, number 4"),
        ("He said no. 5 came.", "He said no. 5 came."),
        ("pp. 10-12", "pages 10 to 12"),
        ("Acme Inc. is", "Acme Incorporated is"),
        ("He works for Acme Inc.", "He works for Acme Incorporated."),
        ("w/o sugar", "without sugar"),
        ("Mr. & Mrs. Smith", "Mister & Missis Smith"),
        ("Lt. Col. Lee", "Lieutenant Colonel Lee"),
        ("the WHO", "the W H O"),
        ("a Ph.D. student", "a P H D student"),
        ("J.K. Rowling", "J K Rowling"),
        ("the U.S.A. today, in AD 476", "the U.S.A today, in A.D 476"),
        ("your Dr. says", "your doctor says"),
        ("Mgr. Hale", "Manager Hale"),
        ("Copyright © 2019", "Copyright twenty nineteen"),
        ("rev. B, ref. 5, Attn: me", "revision B, reference 5, Attention: me"),
        ("RAM, HEVC, your PIN", "ram, H E V C, your pin"),
        ("for 12 mos. or 4 lg. eggs", "for 12 months or 4 large eggs"),
    ],
    "electronic": [
        ("me2@example.co.uk", "me 2 at example dot co dot U K"),
        ("www.example.com/a?b=1", "example dot com slash a question mark b equals 1"),
        ("/usr/local/bin", "slash usr slash local slash bin"),
        (r"C:\Users\me", "C colon backslash Users backslash me"),
        ("see README.md.", "see README dot md."),
        ("#BlackFriday2024", "hashtag Black Friday 2024"),
        ("@jo_99", "at jo underscore 9 9"),
        ("hello :)", "hello"),
        ("I <3 it", "I heart it"),
        ("and/or, he/she", "and/or, he/she"),
        ("/api/v2/users?id=5 is", "slash api slash v 2 slash users question mark id equals 5 is"),
        ("Is it in /usr/local?", "Is it in slash usr slash local?"),
    ],
    "mathematics and chemistry": [
        ("x ≤ 5", "x less than or equal to 5"),
        ("a < b", "a is less than b"),
        ("±5, ~20, √16, § 7", "plus or minus 5, about 20, the square root of 16, section 7"),
        ("10^-3, 10⁶", "10 to the minus 3, 10 to the sixth"),
        ("2e10", "2 times 10 to the tenth"),
        ("1/2 + 31/32 = 10/2", "one half + 31 thirty-seconds = 10/2"),
        ("120/80", "120 over 80"),
        ("CO2, C6H12O6, Ca²⁺", "C O 2, C 6 H 12 O 6, C.A 2 plus"),
        ("B2B, R2D2, F16", "B2B, R2D2, F16"),
        ("with > 5, x > 5", "with more than 5, x is greater than 5"),
        ("a score of 41/100, rated 8.5/10", "a score of 41 out of 100, rated 8.5 out of 10"),
        ("gave 1/5 of it", "gave one fifth of it"),
        ("(-33%)", "(minus 33%)"),
        ("fps 60 → 30", "fps 60 to 30"),
        ("a | b", "a , b"),
    ],
}  # fmt: skip
"""For each kind, texts and how they are read; what looks like the kind and is not is unchanged."""
PAIRS = [pair for pairs in KINDS.values() for pair in pairs]


def spoken(text: str, language: str = "en") -> list[str]:
    return [sentence.text for sentence in read_text(text, language)]


@pytest.mark.parametrize(("written", "reading"), PAIRS)
def test_a_written_form_is_read_as_a_person_reads_it(written: str, reading: str) -> None:
    assert spoken(written) == [reading]


@pytest.mark.parametrize(("written", "reading"), PAIRS)
def test_a_reading_is_the_same_inside_a_sentence(written: str, reading: str) -> None:
    """Where it ends no sentence: a dot at the end may be the sentence's alone."""
    if written.endswith((".", ":)")) or written.startswith(("/", "-", "@")):
        return
    assert spoken(f"It says ({written}) here.") == [f"It says ({reading}) here."]


@pytest.mark.parametrize(
    ("language", "reading"),
    [
        ("en", "May first oh eight, March fifteenth twenty twenty-four"),
        ("en-us", "May first oh eight, March fifteenth twenty twenty-four"),
        ("en-gb", "January fifth oh eight, March fifteenth twenty twenty-four"),
        ("en-au", "January fifth oh eight, March fifteenth twenty twenty-four"),
    ],
)
def test_the_language_decides_the_order_of_dates(language: str, reading: str) -> None:
    assert spoken("5/1/08, 15/03/2024", language) == [reading]


def test_prose_is_not_changed() -> None:
    assert len(set(PROSE)) == 500
    readings = [(line, read_text(line, "en")) for line in PROSE]
    assert [line for line, sentences in readings if " ".join(sentence.text for sentence in sentences) != line] == []
    assert [line for line, sentences in readings if any(sentence.stretches for sentence in sentences)] == []


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("We sell paper, etc. Customers like it.", ["We sell paper, et cetera.", "Customers like it."]),
        ("12. Add salt. In 12. Stir.", ["12, Add salt.", "In 12.", "Stir."]),
        ("Take vitamin C. Doctors say so.", ["Take vitamin C.", "Doctors say so."]),
        ("Plan B. It works.", ["Plan B.", "It works."]),
        ("It is 8,849 m. Wow.", ["It is 8,849 meters.", "Wow."]),
        ("He is at 5 Elm St. It is cold.", ["He is at 5 Elm Street.", "It is cold."]),
        ("by J. Smith", ["by J Smith"]),
        ("It is from Acme Inc. Customers like it.", ["It is from Acme Incorporated.", "Customers like it."]),
        ("Acme Inc. President Lee left.", ["Acme Incorporated President Lee left."]),
        ("Open to 5 p.m. Friday.", ["Open to 5 P.M Friday."]),
        ("See vol. 3, ch. 5 and max. 10.", ["See volume 3, chapter 5 and maximum 10."]),
        ("It has 10 lbs. of rice.", ["It has 10 pounds of rice."]),
        ("On Mon. Jan. 5 we met.", ["On Monday January fifth we met."]),
        ("Tel.: 5, Sat.: open", ["Telephone: 5, Saturday: open"]),
        ("Sat. & Sun. free, said Mgr. Hale.", ["Saturday & Sunday free, said Manager Hale."]),
        ("It leads by 4 pts. at Kings Stn. in Div. 1.", ["It leads by 4 points at Kings Station in division 1."]),
        ("It sank by 3½ in. We fled.", ["It sank by 3 and a half inches.", "We fled."]),
    ],
)
def test_a_sentence_ends_by_what_follows_the_dot(text: str, sentences: list[str]) -> None:
    assert spoken(text) == sentences


@pytest.mark.parametrize("written", ["the U.S.A. today", "at 10 a.m. Monday", "5 p.m. EST", "the U.S. Army"])
def test_espeak_reads_letters_as_letters_and_ends_no_sentence(written: str) -> None:
    """It takes "A" alone for the article, and a capital after a dot for a new sentence."""
    [sentence] = Phonemizer().phonemize(spoken(written)[0], "en-us")
    assert "ɐ" not in sentence


@pytest.mark.parametrize("language", ["de", "fr", "es", "it"])
def test_a_sign_belongs_to_the_number_before_it(language: str) -> None:
    [sentence] = read_text("3,50 € 3 Mal", language)
    [stretch] = sentence.stretches
    assert sentence.written[stretch.start : stretch.stop] == "3,50 €"


def test_the_table_in_the_documentation_is_what_the_rules_read() -> None:
    page = (ROOT / "docs" / "text.md").read_text()
    assert put_into(page) == page
    with pytest.raises(ValueError, match="no table of readings"):
        put_into("# Text\n")


def test_a_sentence_tells_what_each_rule_read() -> None:
    [sentence] = read_text("Dr. Smith paid ($3.50), or 5 km.", "en")
    stretches = [(sentence.written[each.start : each.stop], each.spoken, each.rule) for each in sentence.stretches]
    assert stretches == [
        ("Dr.", "Doctor", "title"),
        ("$3.50", "three dollars and fifty cents", "money"),
        ("5 km", "5 kilometers", "measure"),
    ]
    [line] = read_text("In 1999.", "en", [Verbalization(3, 7, "one nine nine nine")])
    assert [each.rule for each in line.stretches] == [MARKUP]


PARTS = st.lists(
    st.sampled_from(
        ["$", "1", "1,111", ".", ". ", " ", "/", ":", "-", "–", "−", "Dr. ", "www.", "http://", "@", "a", "A.",
         "B ", "Jan. ", "IV", "Henry ", "°C", " km", "#", "^2", "²", "e.g.", "🇫", "😀", "(", ")", "th", "s", "St. ",
         "No. ",
         "am", "%", "€", "1/2", "½", "x", "10", "2024", "Elm ", '"', "'", "CO2", "<", "etc. ", "I ", "kg", ":)",
         "====", "_"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@given(PARTS, st.sampled_from(["en", "en-gb"]))
def test_every_letter_and_digit_is_spoken_or_skipped_by_name(text: str, language: str) -> None:
    check_that_nothing_is_dropped(text, language, SILENT)


@given(PARTS)
def test_applying_the_rules_twice_finds_the_same_stretches(text: str) -> None:
    rules = english.rules("en")
    once = apply(rules, text)
    again = apply(rules, text, [Verbalization(each.start, each.stop, each.spoken) for each in once])
    assert [(each.start, each.stop, each.spoken) for each in again] == [
        (each.start, each.stop, each.spoken) for each in once
    ]
    ends = [0, *(each.stop for each in once)]
    assert all(end <= each.start < each.stop for end, each in zip(ends, once, strict=False))


@pytest.mark.parametrize(
    "part",
    ["1 Elm ", "Elm ", "1-1", "1 1/", "/a", "a/", "a.b", "#a", "@a_", "A", "1:", "1x", "IV ", "H2", "1°", '1"', "'1",
     "½",
     "(", "5 m ", "etc. ", "vitamin A. ", "$1-", "1,1", "−", "1 - ", "C1", "Mon-", "<", "1 million ", "a\\", "¹",
     "Main St. ", "0-", "1. ", "St. A"],
)  # fmt: skip
def test_hostile_text_takes_time_by_its_length(part: str) -> None:
    check_that_time_is_linear(lambda text: read_text(text, "en"), part, 4_800)


@pytest.mark.parametrize(
    "text",
    ["9" * 400, "1/" * 300, "$" * 300, "99:99:99", "0/0", "31/31/31", "13/13/2013", "$0.00", "1-", "-", "½½½", "XXXX",
     "IIII",
     "٣km", "１２km", "²³", "0\u207b", "1e999", "0th", "00:00:00"],
)  # fmt: skip
def test_odd_numbers_are_read_somehow(text: str) -> None:
    assert "".join(word.written for sentence in read_text(text, "en") for word in sentence.words) == text
