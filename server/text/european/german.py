"""German, by Duden and DIN 5008."""

from __future__ import annotations

import re

from server.text.european.language import CurrencyNouns, Date, Language, Noun, Ruler, Scale
from server.text.european.number_forms import AFTER, after, before, number_rule
from server.text.numerals import ordinal
from server.text.numerals import year as year_words
from server.text.rules import Rule

MONTHS = ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
          "Dezember")  # fmt: skip
_CENT = Noun("Cent", "Cent")
_OF_TIME = re.compile(
    r"\b(?:Jahre?s?|Anno|seit|von|bis|ab|vor|nach|um|Sommer|Winter|Frühjahr|Herbst|Anfang|Ende|Mitte|Januar|Februar|März"
    r"|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\s\Z",
    re.IGNORECASE,
)
_NOUN = re.compile(r"\s[A-ZÄÖÜ][a-zäöüß]{2,25}(?:en|er|e|n|s|l)\b")


def _agree(number: int, gender: str) -> str | None:
    return {"m": "ein", "n": "ein", "f": "eine"}.get(gender) if number == 1 else None


def _ordinal(number: int, gender: str) -> str:
    return ordinal(number, "de")


def _year(written: str) -> str:
    """Returns a year in words from 1100 to 1999, which espeak reads as a quantity."""
    return year_words(int(written), "de") if len(written) == 4 and 1100 <= int(written) <= 1999 else written


def _ending(preceding: str) -> str:
    """Returns the ending of a day after the words before it: "der dritte", "am dritten", "Montag, dritter"."""
    if re.search(r"(?<!\w)[Dd]er\s\Z", preceding):
        return "e"
    return "er" if not preceding or preceding.endswith((", ", ": ", "(")) else "en"


def _date(date: Date) -> str:
    day = ordinal(date.day, "de")[:-1] + _ending(date.preceding)
    return f"{day} {date.month}" + (f" {date.year}" if date.year else "")


def _days(first: int, last: int, month: str, preceding: str) -> str:
    ending = _ending(preceding)
    return f"{ordinal(first, 'de')[:-1]}{ending} bis {ordinal(last, 'de')[:-1]}{ending} {month}"


def _ruler(ruler: Ruler) -> str:
    """Returns "der Zweite" in the case that the words before the name ask for."""
    female = re.match(r"(?:Elisabeth|Katharina|Maria|Margarethe|Isabella)", ruler.name)
    number = ordinal(ruler.number, "de").capitalize()
    if re.search(r"\b(?:von|mit|unter|bei|nach|zu|seit|aus|vor)\s(?:\w{3,12}\s)?\Z", ruler.preceding):
        return f"{'der' if female else 'dem'} {number}n"
    if re.search(r"\b(?:für|gegen|durch|ohne)\s(?:\w{3,12}\s)?\Z", ruler.preceding) and not female:
        return f"den {number}n"
    if ruler.name.endswith("s") and not ruler.name.endswith(("us", "es")):
        return f"{'der' if female else 'des'} {number}n"
    return f"{'die' if female else 'der'} {number}"


def _clock(hour: int, minute: int) -> str:
    hours = "ein" if hour == 1 else str(hour)
    return f"{hours} Uhr {minute}" if minute else f"{hours} Uhr"


def _of_year(match: re.Match[str]) -> str | None:
    """Reads a year; before a noun it is a quantity, unless a word of time stands before it."""
    counts = _NOUN.match(after(match, 30)) and not _OF_TIME.search(before(match, 12))
    return None if counts else _year(match[0])


GERMAN_YEARS: tuple[Rule, ...] = (
    number_rule(
        "decade",
        r"(1[1-9]\d0)er(?!\w)",
        lambda match: f"{_year(match[1])[:-2] if match[1].endswith('x') else _year(match[1])}er",
    ),
    number_rule("year", rf"1[1-9]\d\d(?!\s?[-\u2013/]\s?\d)(?!\.\s[A-Z]?\d){AFTER}", _of_year),
)
_CURRENCIES = {
    "€": CurrencyNouns(Noun("Euro", "Euro"), _CENT), "$": CurrencyNouns(Noun("Dollar", "Dollar"), _CENT),
    "£": CurrencyNouns(Noun("Pfund", "Pfund", "n"), Noun("Penny", "Pence")), "¥": CurrencyNouns(Noun("Yen", "Yen"),
    Noun("Sen",
    "Sen")),
    "CHF": CurrencyNouns(Noun("Schweizer Franken", "Schweizer Franken"), Noun("Rappen", "Rappen")),
    "SFr.": CurrencyNouns(Noun("Schweizer Franken", "Schweizer Franken"), Noun("Rappen", "Rappen")),
    "US-$": CurrencyNouns(Noun("US-Dollar", "US-Dollar"), _CENT), "US$": CurrencyNouns(Noun("US-Dollar", "US-Dollar"),
    _CENT),
    "SEK": CurrencyNouns(Noun("schwedische Krone", "schwedische Kronen", "f"), Noun("Öre", "Öre")),
    "NOK": CurrencyNouns(Noun("norwegische Krone", "norwegische Kronen", "f"), Noun("Öre", "Öre")),
    "DKK": CurrencyNouns(Noun("dänische Krone", "dänische Kronen", "f"), Noun("Öre", "Öre")),
    "PLN": CurrencyNouns(Noun("Zloty", "Zloty"), Noun("Groschen", "Groschen")),
    "CNY": CurrencyNouns(Noun("Yuan", "Yuan"), Noun("Fen", "Fen")), "DM": CurrencyNouns(Noun("D-Mark", "D-Mark", "f"),
    Noun("Pfennig", "Pfennig")), "ct": CurrencyNouns(_CENT, _CENT), "Ct": CurrencyNouns(_CENT, _CENT),
}  # fmt: skip
_CURRENCIES |= {"EUR": _CURRENCIES["€"], "USD": _CURRENCIES["US$"], "GBP": _CURRENCIES["£"], "JPY": _CURRENCIES["¥"]}
_MILLION, _MILLIARDE = Scale(Noun("Million", "Millionen", "f")), Scale(Noun("Milliarde", "Milliarden", "f"))
_TAUSEND = Scale(Noun("tausend", "tausend", ""))

GERMAN = Language(
    code="de",
    signs={"-": "minus", "+": "plus", "to": "bis", "score": "zu", ":": "zu", "±": "plus minus", "×": "mal", "x": "mal",
           "÷": "geteilt durch", "=": "gleich", "<": "kleiner als", ">": "größer als", "less": "weniger als",
           "more": "mehr als", "≤": "kleiner oder gleich", "≥": "größer oder gleich", "≠": "ungleich", "~": "etwa",
           "≈": "ungefähr gleich", "√": "Wurzel aus", "§": "Paragraf", "§§": "Paragrafen", "‰": "Promille",
           "²": "Quadrat", "³": "hoch 3", "^": "hoch", "#": "Nummer", "and": "und"},
    marks={".": "Punkt", "/": "Schrägstrich", "-": "Minus", "_": "Unterstrich", "?": "Fragezeichen", "=": "gleich",
           "&": "und", "#": "Raute", "@": "ät", "%": "Prozent", "+": "plus", ":": "Doppelpunkt",
           "\\": "Backslash", "~": "Tilde", "hashtag": "Hashtag"},
    domains=frozenset(),
    agree=_agree, ordinal=_ordinal, year=_year, date=_date, days=_days, ruler=_ruler, clock=_clock,
    per=lambda noun: f"pro {noun.one}",
    of=str,
    months=MONTHS,
    short_months={"Jan": 1, "Jän": 1, "Feb": 2, "Mär": 3, "Apr": 4, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Sept": 9,
                  "Okt": 10,
                  "Nov": 11, "Dez": 12},
    weekdays={"Mo": "Montag", "Di": "Dienstag", "Mi": "Mittwoch", "Do": "Donnerstag", "Fr": "Freitag", "Sa": "Samstag",
              "So": "Sonntag"},
    currencies=_CURRENCIES,
    cents="und",
    scales={"Mio.": _MILLION, "Mio": _MILLION, "Millionen": _MILLION, "Million": _MILLION, "Mrd.": _MILLIARDE,
            "Mrd": _MILLIARDE, "Milliarden": _MILLIARDE, "Milliarde": _MILLIARDE, "Tsd.": _TAUSEND, "Tsd": _TAUSEND},
    units={"m": Noun("Meter", "Meter"), "g": Noun("Gramm", "Gramm", "n"), "l": Noun("Liter", "Liter"),
           "L": Noun("Liter", "Liter"), "t": Noun("Tonne", "Tonnen", "f"), "h": Noun("Stunde", "Stunden", "f"),
           "Std.": Noun("Stunde", "Stunden", "f"), "Std": Noun("Stunde", "Stunden", "f"),
           "min": Noun("Minute", "Minuten", "f"), "Min.": Noun("Minute", "Minuten", "f"),
           "s": Noun("Sekunde", "Sekunden", "f"), "Sek.": Noun("Sekunde", "Sekunden", "f"),
           "ha": Noun("Hektar", "Hektar", "n"), "W": Noun("Watt", "Watt", "n"),
           "Wh": Noun("Wattstunde", "Wattstunden", "f"), "V": Noun("Volt", "Volt", "n"), "A": Noun("Ampere", "Ampere",
           "n"),
           "Ah": Noun("Amperestunde", "Amperestunden", "f"), "Hz": Noun("Hertz", "Hertz", "n"),
           "Pa": Noun("Pascal", "Pascal", "n"), "J": Noun("Joule", "Joule", "n"), "cal": Noun("Kalorie", "Kalorien",
           "f"),
           "B": Noun("Byte", "Byte", "n"), "bit": Noun("Bit", "Bit", "n"), "N": Noun("Newton", "Newton", "n"),
           "Ω": Noun("Ohm", "Ohm", "n"), "bar": Noun("Bar", "Bar", "n"), "mol": Noun("Mol", "Mol", "n"),
           "eV": Noun("Elektronenvolt", "Elektronenvolt", "n"), "dB": Noun("Dezibel", "Dezibel", "n"),
           "lm": Noun("Lumen", "Lumen", "n"), "PS": Noun("P S", "P S", "n"), "Stk.": Noun("Stück", "Stück", "n"),
           "°C": Noun("Grad Celsius", "Grad Celsius", "n"), "°F": Noun("Grad Fahrenheit", "Grad Fahrenheit", "n"),
           "°": Noun("Grad", "Grad", "n"), "EL": Noun("Esslöffel", "Esslöffel"), "TL": Noun("Teelöffel", "Teelöffel"),
           "Mbit/s": Noun("Megabit pro Sekunde", "Megabit pro Sekunde", "n")},
    prefixes={"k": "Kilo", "h": "Hekto", "d": "Dezi", "c": "Zenti", "m": "Milli", "µ": "Mikro", "n": "Nano",
              "M": "Mega",
              "G": "Giga", "T": "Tera", "P": "Peta"},
    square=("Quadrat", "", ""), cubic=("Kubik", "", ""),
    fractions={2: Noun("halb", "halbe", "n"), 3: Noun("Drittel", "Drittel", "n"), 4: Noun("Viertel", "Viertel", "n"),
               5: Noun("Fünftel", "Fünftel", "n"), 6: Noun("Sechstel", "Sechstel", "n"), 8: Noun("Achtel", "Achtel",
               "n"),
               10: Noun("Zehntel", "Zehntel", "n"), 16: Noun("Sechzehntel", "Sechzehntel", "n")},
    titles={"Dr": "Doktor", "Prof": "Professor", "Hr": "Herr", "Hrn": "Herrn", "Fr": "Frau",
            "Dipl.-Ing": "Diplom-Ingenieur",
            "St": "Sankt", "Ing": "Ingenieur"},
    before_numbers={"Nr.": "Nummer", "Nrn.": "Nummern", "S.": "Seite", "Bd.": "Band", "Kap.": "Kapitel",
                    "Abb.": "Abbildung",
                    "Abs.": "Absatz", "Art.": "Artikel", "Tab.": "Tabelle", "Aufl.": "Auflage", "Tel.": "Telefon",
                    "ca.": "circa", "max.": "maximal", "min.": "mindestens", "ab ca.": "ab circa", "geb.": "geboren",
                    "gest.": "gestorben", "Hs.": "Hausnummer", "Z.": "Zeile", "Ziff.": "Ziffer", "Rn.": "Randnummer",
                    "Anm.": "Anmerkung"},
    anywhere={"z.B.": "zum Beispiel", "z. B.": "zum Beispiel", "d.h.": "das heißt", "d. h.": "das heißt",
              "u.a.": "unter anderem", "u. a.": "unter anderem", "i.d.R.": "in der Regel", "i. d. R.": "in der Regel",
              "z.T.": "zum Teil", "z. T.": "zum Teil", "v.a.": "vor allem", "v. a.": "vor allem",
              "bzw.": "beziehungsweise",
              "ca.": "circa", "vgl.": "vergleiche", "ggf.": "gegebenenfalls", "evtl.": "eventuell",
              "inkl.": "inklusive",
              "exkl.": "exklusive", "zzgl.": "zuzüglich", "abzgl.": "abzüglich", "sog.": "sogenannt", "gem.": "gemäß",
              "bspw.": "beispielsweise", "Jh.": "Jahrhundert", "Jhdt.": "Jahrhundert", "Hbf.": "Hauptbahnhof",
              "v.Chr.": "vor Christus", "v. Chr.": "vor Christus", "n.Chr.": "nach Christus",
              "n. Chr.": "nach Christus",
              "MwSt.": "Mehrwertsteuer", "ff.": "folgende", "Tel.": "Telefon", "geb.": "geboren",
              "i.A.": "im Auftrag", "i. A.": "im Auftrag",
              "z.Z.": "zur Zeit", "z. Zt.": "zur Zeit", "o.g.": "oben genannt", "o. g.": "oben genannt",
              "s.o.": "siehe oben", "s. o.": "siehe oben", "s.u.": "siehe unten", "s. u.": "siehe unten"},
    ending={"usw.": "und so weiter", "etc.": "et cetera", "usf.": "und so fort", "u.Ä.": "und Ähnliches",
            "u. Ä.": "und Ähnliches", "u.v.m.": "und vieles mehr", "u. v. m.": "und vieles mehr",
            "o.Ä.": "oder Ähnliches",
            "o. Ä.": "oder Ähnliches"},
    letters=frozenset(["EU", "USA", "AG", "IT", "EDV", "ICE", "ADAC", "EZB", "ARD", "AOK", "UKW", "OP", "IQ", "UN"]),
    kings=r"(?:Friedrich(?:\sWilhelm)?|Wilhelm|Ludwig|Karl|Heinrich|Otto|Konrad|Leopold|Maximilian|Rudolf|Joseph|Franz"
          r"|Johannes(?:\sPaul)?|Benedikt|Pius|Leo|Gregor|Innozenz|Clemens|Katharina|Elisabeth|Georg|Eduard|Jakob"
          r"|Philipp|Napoleon|Nikolaus|Alexander|Peter|Gustav|Christian|August|Albrecht|Ferdinand|Ramses|Margarethe"
          r"|Isabella|Maria|Iwan|Richard|Sixtus|Urban)s?",
    counted=r"kapitel|band|teil|akt|szene|artikel|abschnitt|stufe|typ|klasse|phase|buch|anhang|tafel|weltkrieg|liga|hartz",
    date_words=r"am|vom|bis|zum|den|dem|der|ab|seit|vor|nach|und|Mo|Di|Mi|Do|Fr|Sa|So|\w{3,8}tag,?",
    clock_words=r"(?!)",
    trunk=r"\(?0\d{2,4}\)?[ /-]{1,3}\d{2,8}(?:[ -]\d{1,6}){0,5}|01[5-7]\d{8,9}",
    day_mark=r"\.",
)  # fmt: skip
