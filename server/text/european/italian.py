"""Italian, by the Accademia della Crusca and Treccani."""

from __future__ import annotations

import re

from server.text.european.language import CurrencyNouns, Date, Language, Noun, Ruler, Scale
from server.text.numerals import ordinal

MONTHS = ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre",
          "novembre", "dicembre")  # fmt: skip


def _agree(number: int, gender: str) -> str | None:
    return ("una" if gender == "f" else "un") if number == 1 else None


def _ordinal(number: int, gender: str) -> str:
    words = ordinal(number, "it")
    return f"{words[:-1]}a" if gender == "f" else words


def _date(date: Date) -> str:
    day = "primo" if date.day == 1 else str(date.day)
    return f"{day} {date.month} {date.year}".strip()


def _days(first: int, last: int, month: str, preceding: str) -> str:
    return f"{'primo' if first == 1 else first} al {last} {month}" if first == 1 else f"{first} a {last} {month}"


def _ruler(ruler: Ruler) -> str:
    return _ordinal(ruler.number, "f" if ruler.name in {"Elisabetta", "Caterina", "Maria", "Margherita"} else "m")


def _clock(hour: int, minute: int) -> str:
    return f"{hour} e {minute}" if minute else str(hour)


def _per(noun: Noun) -> str:
    """Returns "all'ora", "al secondo", "alla settimana"."""
    if noun.one[0] in "aeiouAEIOU":
        return f"all'{noun.one}"
    if noun.gender == "f" or (not noun.gender and noun.one.endswith("a")):
        return f"alla {noun.one}"
    return f"{'allo' if re.match(r's[^aeiou]|z|ps', noun.one) else 'al'} {noun.one}"


_CENT = Noun("centesimo", "centesimi")
_CURRENCIES = {
    "€": CurrencyNouns(Noun("euro", "euro"), _CENT), "$": CurrencyNouns(Noun("dollaro", "dollari"), _CENT),
    "£": CurrencyNouns(Noun("sterlina", "sterline", "f"), Noun("penny", "penny")), "¥": CurrencyNouns(Noun("yen",
    "yen"),
    Noun("sen", "sen")),
    "CHF": CurrencyNouns(Noun("franco svizzero", "franchi svizzeri"), _CENT),
    "US$": CurrencyNouns(Noun("dollaro statunitense", "dollari statunitensi"), _CENT),
    "CNY": CurrencyNouns(Noun("yuan", "yuan"), Noun("fen", "fen")),
}  # fmt: skip
_CURRENCIES |= {"EUR": _CURRENCIES["€"], "USD": _CURRENCIES["US$"], "GBP": _CURRENCIES["£"], "JPY": _CURRENCIES["¥"]}
_MILIONE, _MILIARDO = Scale(Noun("milione", "milioni"), True), Scale(Noun("miliardo", "miliardi"), True)

ITALIAN = Language(
    code="it",
    signs={"-": "meno", "+": "più", "to": "a", "score": "a", ":": "a", "±": "più o meno", "×": "per", "x": "per",
           "÷": "diviso", "=": "uguale a", "<": "minore di", ">": "maggiore di", "less": "meno di", "more": "più di",
           "≤": "minore o uguale a", "≥": "maggiore o uguale a", "≠": "diverso da", "~": "circa", "≈": "circa uguale a",
           "√": "radice di", "§": "paragrafo", "§§": "paragrafi", "‰": "per mille", "²": "al quadrato", "³": "al cubo",
           "^": "alla", "#": "numero", "and": "e"},
    marks={".": "punto", "/": "barra", "-": "trattino", "_": "trattino basso", "?": "punto interrogativo",
           "=": "uguale",
           "&": "e", "#": "cancelletto", "@": "chiocciola", "%": "per cento", "+": "più", ":": "due punti",
           "\\": "barra inversa", "~": "tilde", "hashtag": "hashtag"},
    domains=frozenset({"it"}),
    agree=_agree, ordinal=_ordinal, year=str, date=_date, days=_days, ruler=_ruler, clock=_clock, per=_per,
    of=lambda noun: f"di {noun}",
    months=MONTHS,
    short_months={"gen": 1, "genn": 1, "feb": 2, "febbr": 2, "mar": 3, "apr": 4, "mag": 5, "magg": 5, "giu": 6,
                  "lug": 7, "ago": 8, "set": 9,
                  "sett": 9, "ott": 10, "nov": 11, "dic": 12},
    weekdays={"lun": "lunedì", "mar": "martedì", "mer": "mercoledì", "gio": "giovedì", "ven": "venerdì",
              "sab": "sabato",
              "dom": "domenica"},
    currencies=_CURRENCIES,
    cents="e",
    scales={"milioni": _MILIONE, "milione": _MILIONE, "mln": _MILIONE, "mln.": _MILIONE, "miliardi": _MILIARDO,
            "miliardo": _MILIARDO, "mld": _MILIARDO, "mld.": _MILIARDO, "mila": Scale(Noun("mila", "mila", ""))},
    units={"m": Noun("metro", "metri"), "g": Noun("grammo", "grammi"), "l": Noun("litro", "litri"),
           "L": Noun("litro", "litri"), "t": Noun("tonnellata", "tonnellate", "f"), "h": Noun("ora", "ore", "f"),
           "min": Noun("minuto", "minuti"), "s": Noun("secondo", "secondi"), "sec": Noun("secondo", "secondi"),
           "ha": Noun("ettaro", "ettari"), "W": Noun("watt", "watt"), "Wh": Noun("wattora", "wattora"),
           "V": Noun("volt", "volt"), "A": Noun("ampere", "ampere"), "Ah": Noun("amperora", "amperora"),
           "Hz": Noun("hertz", "hertz"), "Pa": Noun("pascal", "pascal"), "J": Noun("joule", "joule"),
           "cal": Noun("caloria", "calorie", "f"), "B": Noun("byte", "byte"), "bit": Noun("bit", "bit"),
           "N": Noun("newton", "newton"), "Ω": Noun("ohm", "ohm"), "bar": Noun("bar", "bar"), "mol": Noun("mole",
           "moli", "f"),
           "eV": Noun("elettronvolt", "elettronvolt"), "dB": Noun("decibel", "decibel"), "lm": Noun("lumen", "lumen"),
           "CV": Noun("cavallo", "cavalli"), "mq": Noun("metro quadrato", "metri quadrati"),
           "kmq": Noun("chilometro quadrato", "chilometri quadrati"), "mc": Noun("metro cubo", "metri cubi"),
           "ab.": Noun("abitante", "abitanti"), "°C": Noun("grado Celsius", "gradi Celsius"),
           "°F": Noun("grado Fahrenheit", "gradi Fahrenheit"), "°": Noun("grado", "gradi")},
    prefixes={"k": "chilo", "h": "etto", "d": "deci", "c": "centi", "m": "milli", "µ": "micro", "n": "nano",
              "M": "mega",
              "G": "giga", "T": "tera", "P": "peta"},
    square=("", " quadrato", " quadrati"), cubic=("", " cubo", " cubi"),
    fractions={2: Noun("mezzo", "mezzi"), 3: Noun("terzo", "terzi"), 4: Noun("quarto", "quarti"), 5: Noun("quinto",
               "quinti"),
               6: Noun("sesto", "sesti"), 8: Noun("ottavo", "ottavi"), 10: Noun("decimo", "decimi")},
    titles={"Sig": "Signor", "sig": "signor", "Sig.ra": "Signora", "sig.ra": "signora", "Sigg": "Signori",
            "Dott": "Dottor",
            "dott": "dottor", "Dott.ssa": "Dottoressa", "dott.ssa": "dottoressa", "Dr": "Dottor", "Prof": "Professor",
            "prof": "professor", "Prof.ssa": "Professoressa", "prof.ssa": "professoressa", "Ing": "Ingegner",
            "ing": "ingegner", "Avv": "Avvocato", "avv": "avvocato", "On": "Onorevole", "on": "onorevole",
            "Mons": "Monsignor",
            "mons": "monsignor", "S": "San", "Gen": "Generale", "Arch": "Architetto", "Geom": "Geometra"},
    before_numbers={"n.": "numero", "N.": "numero", "n°": "numero", "nn.": "numeri", "pag.": "pagina",
                    "pagg.": "pagine",
                    "p.": "pagina", "pp.": "pagine", "cap.": "capitolo", "art.": "articolo", "artt.": "articoli",
                    "vol.": "volume", "fig.": "figura", "tel.": "telefono", "Tel.": "Telefono", "ca.": "circa",
                    "max.": "massimo",
                    "min.": "minimo", "ed.": "edizione", "tab.": "tabella", "nr.": "numero", "sec.": "secolo"},
    anywhere={"p. es.": "per esempio", "p.es.": "per esempio", "ad es.": "ad esempio", "a.C.": "avanti Cristo",
              "a. C.": "avanti Cristo", "d.C.": "dopo Cristo", "d. C.": "dopo Cristo", "ca.": "circa",
              "cfr.": "confronta",
              "cf.": "confronta", "c.a.": "corrente anno", "c.m.": "corrente mese", "P.zza": "piazza",
              "p.zza": "piazza", "V.le": "viale",
              "v.le": "viale", "C.so": "corso", "c.so": "corso", "S.p.A.": "S P A", "s.p.a.": "S P A",
              "S.r.l.": "S R L",
              "s.r.l.": "S R L", "vs.": "versus", "P.S.": "post scriptum", "c/o": "presso", "sec.": "secolo",
              "tel.": "telefono", "ecc. ecc.": "eccetera eccetera"},
    ending={"ecc.": "eccetera", "etc.": "eccetera"},
    letters=frozenset(["UE", "USA", "IA"]) - {"USA"},
    kings=r"(?:Vittorio\s)?Emanuele|Umberto|Carlo(?:\sAlberto)?|Luigi|Enrico|Federico|Ferdinando|Filippo|Francesco|Giovanni(?:\sPaolo)?"
          r"|Benedetto|Pio|Leone|Gregorio|Clemente|Innocenzo|Bonifacio|Sisto|Urbano|Giulio|Paolo|Napoleone|Elisabetta"
          r"|Caterina|Giorgio|Edoardo|Guglielmo|Giacomo|Alessandro|Nicola|Pietro|Margherita|Amedeo|Cosimo|Ramses|Ottone"
          r"|Alfonso|Riccardo|Giuseppe",
    counted=r"capitolo|tomo|volume|libro|parte|atto|scena|articolo|sezione|allegato|titolo|fase|tipo|tavola",
    date_words=r"il|dal|al|del|giorno|entro il|fino al|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica",
    clock_words=r"ore|alle|dalle|le|delle|h",
    trunk=r"0\d{1,3}[ /.-]\d{5,8}|0\d{1,3}(?:[ .-]\d{2,4}){2,4}|3\d{2}[ .-]\d{6,7}|3\d{2}(?:[ .-]\d{2,4}){2,3}",
    day_mark="[º°]?",
    ordinals={"º": "m", "ª": "f", "°": "m", "esimo": "m", "esima": "f"},
)  # fmt: skip
