"""French, by the Académie française and the typographic rules of the Imprimerie nationale."""

from __future__ import annotations

from server.text.european.language import CurrencyNouns, Date, Language, Noun, Ruler, Scale
from server.text.numerals import cardinal, ordinal

MONTHS = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
          "décembre")  # fmt: skip


def _agree(number: int, gender: str) -> str | None:
    """Returns the feminine: "une", "vingt et une"."""
    if gender != "f" or number % 10 != 1 or number % 100 in {11, 71, 91}:
        return "un" if number == 1 else None
    return f"{cardinal(number, 'fr')}e"


def _ordinal(number: int, gender: str) -> str:
    words = ordinal(number, "fr")
    return "première" if gender == "f" and number == 1 else words


def _date(date: Date) -> str:
    day = "premier" if date.day == 1 else str(date.day)
    return f"{day} {date.month} {date.year}".strip()


def _days(first: int, last: int, month: str, preceding: str) -> str:
    return f"{'premier' if first == 1 else first} au {last} {month}"


def _ruler(ruler: Ruler) -> str:
    return (
        _ordinal(1, "f" if ruler.name in {"Élisabeth", "Catherine", "Marie"} else "m")
        if ruler.number == 1
        else str(ruler.number)
    )


def _clock(hour: int, minute: int) -> str:
    hours = {0: "0 heure", 1: "une heure", 21: "vingt et une heures"}.get(hour, f"{hour} heures")
    return f"{hours} {_agree(minute, 'f') or minute}" if minute else hours


def _of(noun: str) -> str:
    """Returns "d'euros", "d'heure", "de dollars", "de yens"."""
    elided = noun[0].lower() in "aeioué" or noun.startswith(("heure", "hectare", "hecto"))
    return f"d'{noun}" if elided else f"de {noun}"


_CENT, _CENTIME = Noun("cent", "cents"), Noun("centime", "centimes")
_CURRENCIES = {
    "€": CurrencyNouns(Noun("euro", "euros"), _CENTIME), "$": CurrencyNouns(Noun("dollar", "dollars"), _CENT),
    "£": CurrencyNouns(Noun("livre", "livres", "f"), Noun("penny", "pence")), "¥": CurrencyNouns(Noun("yen", "yens"),
    Noun("sen", "sen")),
    "CHF": CurrencyNouns(Noun("franc suisse", "francs suisses"), _CENTIME),
    "$ CA": CurrencyNouns(Noun("dollar canadien", "dollars canadiens"), _CENT),
    "$ US": CurrencyNouns(Noun("dollar américain", "dollars américains"), _CENT),
    "US$": CurrencyNouns(Noun("dollar américain", "dollars américains"), _CENT),
    "FCFA": CurrencyNouns(Noun("franc C F A", "francs C F A"), _CENTIME), "F": CurrencyNouns(Noun("franc", "francs"),
    _CENTIME),
    "CNY": CurrencyNouns(Noun("yuan", "yuans"), Noun("fen", "fen")),
}  # fmt: skip
_CURRENCIES |= {"EUR": _CURRENCIES["€"], "USD": _CURRENCIES["US$"], "GBP": _CURRENCIES["£"], "JPY": _CURRENCIES["¥"],
                "CAD": _CURRENCIES["$ CA"]}  # fmt: skip
_MILLION, _MILLIARD = Scale(Noun("million", "millions"), True), Scale(Noun("milliard", "milliards"), True)

FRENCH = Language(
    code="fr",
    signs={"-": "moins", "+": "plus", "to": "à", "score": "à", ":": "à", "±": "plus ou moins", "×": "fois", "x": "par",
           "÷": "divisé par", "=": "égale", "<": "inférieur à", ">": "supérieur à", "less": "moins de",
           "more": "plus de",
           "≤": "inférieur ou égal à", "≥": "supérieur ou égal à", "≠": "différent de", "~": "environ",
           "≈": "environ égal à", "√": "racine de", "§": "paragraphe", "§§": "paragraphes", "‰": "pour mille",
           "²": "au carré", "³": "au cube", "^": "puissance", "#": "numéro", "and": "et"},
    marks={".": "point", "/": "barre oblique", "-": "tiret", "_": "tiret bas", "?": "point d'interrogation",
           "=": "égale",
           "&": "et", "#": "dièse", "@": "arobase", "%": "pour cent", "+": "plus", ":": "deux-points",
           "\\": "barre inverse", "~": "tilde", "hashtag": "hashtag"},
    domains=frozenset(),
    agree=_agree, ordinal=_ordinal, year=str, date=_date, days=_days, ruler=_ruler, clock=_clock, of=_of,
    per=lambda noun: f"par {noun.one}",
    months=MONTHS,
    short_months={"janv": 1, "jan": 1, "févr": 2, "fév": 2, "avr": 4, "juil": 7, "sept": 9, "oct": 10, "nov": 11,
                  "déc": 12},
    weekdays={"lun": "lundi", "mar": "mardi", "mer": "mercredi", "jeu": "jeudi", "ven": "vendredi", "sam": "samedi",
              "dim": "dimanche"},
    currencies=_CURRENCIES,
    cents="et",
    scales={"millions": _MILLION, "million": _MILLION, "M": _MILLION, "milliards": _MILLIARD, "milliard": _MILLIARD,
            "Md": _MILLIARD, "Mds": _MILLIARD, "Mrd": _MILLIARD, "k": Scale(Noun("mille", "mille", "")),
            "mille": Scale(Noun("mille", "mille", ""))},
    units={"m": Noun("mètre", "mètres"), "g": Noun("gramme", "grammes"), "l": Noun("litre", "litres"),
           "L": Noun("litre", "litres"), "t": Noun("tonne", "tonnes", "f"), "h": Noun("heure", "heures", "f"),
           "min": Noun("minute", "minutes", "f"), "mn": Noun("minute", "minutes", "f"), "s": Noun("seconde",
           "secondes", "f"),
           "ha": Noun("hectare", "hectares"), "W": Noun("watt", "watts"), "Wh": Noun("wattheure", "wattheures"),
           "V": Noun("volt", "volts"), "A": Noun("ampère", "ampères"), "Ah": Noun("ampèreheure", "ampèreheures"),
           "Hz": Noun("hertz", "hertz"), "Pa": Noun("pascal", "pascals"), "J": Noun("joule", "joules"),
           "cal": Noun("calorie", "calories", "f"), "B": Noun("byte", "bytes"), "o": Noun("octet", "octets"),
           "bit": Noun("bit", "bits"), "N": Noun("newton", "newtons"), "Ω": Noun("ohm", "ohms"),
           "bar": Noun("bar", "bars"), "mol": Noun("mole", "moles", "f"), "eV": Noun("électronvolt", "électronvolts"),
           "dB": Noun("décibel", "décibels"), "lm": Noun("lumen", "lumens"),
           "ch": Noun("cheval", "chevaux"), "hab.": Noun("habitant", "habitants"),
           "°C": Noun("degré Celsius", "degrés Celsius"), "°F": Noun("degré Fahrenheit", "degrés Fahrenheit"),
           "°": Noun("degré", "degrés"), "km/h": Noun("kilomètre-heure", "kilomètres-heure")},
    prefixes={"k": "kilo", "h": "hecto", "d": "déci", "c": "centi", "m": "milli", "µ": "micro", "n": "nano",
              "M": "méga",
              "G": "giga", "T": "téra", "P": "péta"},
    square=("", " carré", " carrés"), cubic=("", " cube", " cubes"),
    fractions={2: Noun("demi", "demis"), 3: Noun("tiers", "tiers"), 4: Noun("quart", "quarts"),
               5: Noun("cinquième", "cinquièmes"), 6: Noun("sixième", "sixièmes"), 8: Noun("huitième", "huitièmes"),
               10: Noun("dixième", "dixièmes")},
    titles={"M": "Monsieur", "MM": "Messieurs", "Mme": "Madame", "Mmes": "Mesdames", "Mlle": "Mademoiselle",
            "Mlles": "Mesdemoiselles", "Dr": "Docteur", "Pr": "Professeur", "Me": "Maître", "Mgr": "Monseigneur",
            "St": "Saint", "Ste": "Sainte"},
    before_numbers={"n°": "numéro", "nº": "numéro", "N°": "numéro", "n°s": "numéros", "nos": "numéros", "p.": "page",
                    "pp.": "pages", "chap.": "chapitre", "art.": "article", "vol.": "volume", "fig.": "figure",
                    "t.": "tome", "al.": "alinéa", "env.": "environ", "max.": "maximum", "min.": "minimum",
                    "tél.": "téléphone", "Tél.": "Téléphone", "éd.": "édition", "v.": "vers", "ch.": "chapitre",
                    "bd": "boulevard", "réf.": "référence", "n.": "note"},
    anywhere={"p. ex.": "par exemple", "p.ex.": "par exemple", "c.-à-d.": "c'est-à-dire",
              "av. J.-C.": "avant Jésus-Christ",
              "apr. J.-C.": "après Jésus-Christ", "ap. J.-C.": "après Jésus-Christ", "cf.": "confer",
              "c. à s.": "cuillère à soupe", "c. à c.": "cuillère à café", "tél.": "téléphone", "env.": "environ",
              "av.": "avenue", "bd.": "boulevard", "boul.": "boulevard", "s.v.p.": "s'il vous plaît",
              "svp": "s'il vous plaît", "Cie": "compagnie", "hab.": "habitants", "c/o": "aux bons soins de",
              "vs": "versus", "vs.": "versus", "Éts": "établissements", "dép.": "département"},
    ending={"etc.": "et cetera", "Cie.": "compagnie"},
    letters=frozenset(["UE", "ONG", "EDF", "IRM", "USA", "IVG", "HLM", "UV", "ADN", "ARN", "IA", "OMS", "OGM"]),
    kings=r"Louis|Charles|Henri|François|Philippe|Napoléon|Jean(?:-Paul)?|Benoît|Pie|Léon|Clément|Grégoire|Innocent"
          r"|Guillaume|Édouard|George|Jacques|Richard|Nicolas|Alexandre|Frédéric|Pierre|Élisabeth|Catherine|Ramsès"
          r"|Baudouin|Léopold|Albert|Ferdinand|Alphonse|Robert|Hugues|Urbain|Victor-Emmanuel|Joseph",
    counted=r"chapitre|tome|volume|livre|partie|acte|scène|article|section|annexe|titre|phase|type|planche|mondiale|paris"
            r"|république",
    date_words=r"le|du|au|avant le|jusqu'au|ce|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
    clock_words=r"(?!)",
    trunk=r"0\d(?:[ .-]\d{2}){4}|0[1-9]\d{8}",
    day_mark="(?:er)?",
    ordinals={"er": "m", "re": "f", "ère": "f", "e": "m", "ème": "m", "ᵉ": "m", "es": "m"},
)  # fmt: skip
