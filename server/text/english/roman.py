"""Roman numerals: "Henry VIII", "Chapter IV", "World War I", "the XIX century", "John Smith III", "Rocky II"."""

from __future__ import annotations

import re

from server.text.english.figures import after, before
from server.text.numerals import ordinal
from server.text.rules import Rule, rule

VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
COUNTED = (
    "Chapter|Part|Volume|Vol|Book|Act|Scene|Section|War|Phase|Type|Level|Bowl|Article|Appendix|Figure|Table|Title|Grade"
    "|Class|Stage|Episode|Season|Mark|Division|Category|Group|Tier|Unit|Apollo|Trial|Schedule|Annex"
)
"""Nouns that are counted: the numeral is a cardinal number."""
NUMBERED = r"century|centuries|dynasty|Dynasty|Corps|Legion|Olympiad|Olympic|Congress|Army|Amendment"
"""Nouns before which the numeral is an ordinal number."""
RULERS = "King|Queen|Pope|Emperor|Tsar|Czar|Kaiser|Prince|Sultan|Pharaoh"
REGNAL = (
    "Henry|Edward|Charles|George|James|William|Richard|Louis|Elizabeth|Benedict|Pius|Paul|Catherine|Francis|John|Philip"
    "|Alexander|Nicholas|Napoleon|Peter|Ivan|Frederick|Friedrich|Wilhelm|Leopold|Joseph|Ferdinand|Ramesses|Ramses"
    "|Thutmose|Amenhotep|Darius|Ptolemy|Xerxes|Innocent|Gregory|Clement|Leo|Urban|Boniface|Sixtus|Julius|Adrian|Harald"
    "|Haakon|Olaf|Gustav|Christian|Carl|Albert|Baldwin|Otto|Robert|Edgar|Mary|Victor|Umberto|Pedro|Alfonso|Juan|Rama"
    "|Mehmed|Murad|Selim|Suleiman|Constantine|Theodosius|Justinian|Basil|Stephen|Casimir|Sigismund|Rudolf|Maximilian"
)
"""Names of rulers: the numeral is an ordinal number."""
FIRST_NAMES = (
    f"{REGNAL}|Sam|Samuel|David|Thomas|Michael|Daniel|Walter|Frank|Harry|Jack|Andrew|Matthew|Mark|Luke|Steven|Patrick"
    "|Kenneth|Donald|Ronald|Arthur|Martin|Fred|Howard|Eugene|Ralph|Roy|Lawrence|Jeffrey|Benjamin|Adam|Larry|Davis|Malcolm"
)
"""Names of people, alone or before a surname: "John Smith III" is the third."""
_NUMERAL = r"(?=[IVXLC]{2}|[IVX])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""Matches 1 to 99."""
_COUNTED = re.compile(rf"\b(?:{COUNTED}|{COUNTED.upper()}|chapter|ch|part|vol|volume|book)\.?\s\Z")
_REGNAL = re.compile(rf"\b(?:{REGNAL})\s\Z")
_PERSON = re.compile(rf"\b(?:{FIRST_NAMES})(?:\s[A-Z]\.)?(?:\s[A-Z][a-z]{{1,15}}),?\s\Z|\b(?:{FIRST_NAMES})\s\Z")
_RULER = re.compile(rf"\b(?:{RULERS})\s[A-Z][a-z]{{1,15}}\s\Z")
_NAME = re.compile(r"(?<!^The)(?<!\sThe)\b[A-Z][a-z]{2,15}\s\Z")
_RULING = re.compile(
    r"(?:[,.;:)'’\u2013\u2014-]|\Z|\s(?:of|and|in|was|is|to|died|became|ruled|reigned|on|at|by|from|had)\b)"
)


def value(numeral: str) -> int:
    """Returns 4 for "IV"."""
    values = [VALUES[letter] for letter in numeral]
    return sum(-each if each < following else each for each, following in zip(values, [*values[1:], 0], strict=True))


def _numeral(match: re.Match[str]) -> str | None:
    """Reads a numeral by what stands before or after it; None where the letters may be a word, as I is."""
    numeral, preceding, following = match[0], before(match, 36), after(match, 12)
    if _COUNTED.search(preceding):
        return str(value(numeral))
    if numeral == "I":
        rules_here = _RULER.search(preceding) or (_REGNAL.search(preceding) and _RULING.match(following))
        return "the first" if rules_here else None
    if (numeral != "X" and _PERSON.search(preceding)) or _REGNAL.search(preceding):
        return f"the {ordinal(value(numeral))}"
    if re.match(rf"\s(?:{NUMBERED})\b", following):
        return ordinal(value(numeral))
    is_name = len(numeral) > 1 and not set(numeral) & {"L", "C"} and _NAME.search(preceding)
    return str(value(numeral)) if is_name else None


RULES: tuple[Rule, ...] = (
    rule("roman_numeral", rf"(?<=[\w.,]\s){_NUMERAL}(?!\w|-\w)", _numeral, signs="IVX"),
    rule("roman_numeral", r"\bWW(I{1,3})(?!\w)", lambda match: f"World War {value(match[1])}", signs="W"),
)
