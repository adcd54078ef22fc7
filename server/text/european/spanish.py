"""Spanish, by the Ortografía of the RAE and the ASALE."""

from __future__ import annotations

import re

from server.text.european.language import CurrencyNouns, Date, Language, Noun, Ruler, Scale
from server.text.numerals import cardinal, ordinal

MONTHS = ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
"noviembre",
          "diciembre")  # fmt: skip


def _agree(number: int, gender: str) -> str | None:
    """Returns "un", "veintiún", "una", "doscientas"."""
    words = cardinal(number, "es")
    if gender == "f":
        feminine = re.sub(r"uno\b", "una", re.sub(r"(ient|quinient)os\b", r"\1as", words))
        return feminine if feminine != words else None
    if not words.endswith("uno"):
        return None
    return words[:-3] + ("ún" if words == "veintiuno" or words.endswith(" veintiuno") else "un")


def _ordinal(number: int, gender: str) -> str:
    """Returns "primero", "primera" or, before a masculine noun, "primer"."""
    words = ordinal(number, "es")
    if gender == "f":
        return re.sub(r"o\b", "a", words)
    return words[:-1] if gender == "short" and words.endswith(("primero", "tercero")) else words


def _date(date: Date) -> str:
    return f"{date.day} de {date.month}" + (f" de {date.year}" if date.year else "")


def _days(first: int, last: int, month: str, preceding: str) -> str:
    return f"{first} al {last} de {month}"


def _ruler(ruler: Ruler) -> str:
    """Returns an ordinal up to ten, a cardinal number beyond: "Felipe segundo", "Luis catorce"."""
    female = ruler.name in {"Isabel", "Catalina", "Cristina", "María", "Juana"}
    return _ordinal(ruler.number, "f" if female else "m") if ruler.number <= 10 else str(ruler.number)


def _clock(hour: int, minute: int) -> str:
    hours = {1: "una", 21: "veintiuna"}.get(hour, str(hour))
    if minute:
        return f"{hours} y {minute}"
    return f"{hours} hora" if hour == 1 else f"{hours} horas"


_CENT, _CENTAVO = Noun("céntimo", "céntimos"), Noun("centavo", "centavos")
_CURRENCIES = {
    "€": CurrencyNouns(Noun("euro", "euros"), _CENT), "$": CurrencyNouns(Noun("dólar", "dólares"), _CENTAVO),
    "£": CurrencyNouns(Noun("libra", "libras", "f"), Noun("penique", "peniques")), "¥": CurrencyNouns(Noun("yen",
    "yenes"),
    Noun("sen", "sen")),
    "CHF": CurrencyNouns(Noun("franco suizo", "francos suizos"), _CENT),
    "US$": CurrencyNouns(Noun("dólar estadounidense", "dólares estadounidenses"), _CENTAVO),
    "MXN": CurrencyNouns(Noun("peso mexicano", "pesos mexicanos"), _CENTAVO),
    "ARS": CurrencyNouns(Noun("peso argentino", "pesos argentinos"), _CENTAVO),
    "COP": CurrencyNouns(Noun("peso colombiano", "pesos colombianos"), _CENTAVO),
    "CNY": CurrencyNouns(Noun("yuan", "yuanes"), Noun("fen", "fen")), "ptas.": CurrencyNouns(Noun("peseta", "pesetas",
    "f"),
    _CENT),
}  # fmt: skip
_CURRENCIES |= {"EUR": _CURRENCIES["€"], "USD": _CURRENCIES["US$"], "GBP": _CURRENCIES["£"], "JPY": _CURRENCIES["¥"]}
_MILLON, _MIL = Scale(Noun("millón", "millones"), True), Scale(Noun("mil", "mil", ""))

SPANISH = Language(
    code="es",
    signs={"-": "menos", "+": "más", "to": "a", "score": "a", ":": "a", "±": "más menos", "×": "por", "x": "por",
           "÷": "entre", "=": "igual a", "<": "menor que", ">": "mayor que", "less": "menos de", "more": "más de",
           "≤": "menor o igual que", "≥": "mayor o igual que", "≠": "distinto de", "~": "unos",
           "≈": "aproximadamente igual a",
           "√": "raíz cuadrada de", "§": "sección", "§§": "secciones", "‰": "por mil", "²": "al cuadrado",
           "³": "al cubo", "^": "elevado a", "#": "número", "and": "y"},
    marks={".": "punto", "/": "barra", "-": "guion", "_": "guion bajo", "?": "interrogación", "=": "igual", "&": "y",
           "#": "almohadilla", "@": "arroba", "%": "por ciento", "+": "más", ":": "dos puntos", "\\": "barra inversa",
           "~": "virgulilla", "hashtag": "etiqueta"},
    domains=frozenset({"es"}),
    agree=_agree, ordinal=_ordinal, year=str, date=_date, days=_days, ruler=_ruler, clock=_clock,
    of=lambda noun: f"de {noun}",
    per=lambda noun: f"por {noun.one}",
    months=MONTHS,
    short_months={"ene": 1, "feb": 2, "abr": 4, "jun": 6, "jul": 7, "ago": 8, "sept": 9, "sep": 9, "oct": 10,
                  "nov": 11, "dic": 12},
    weekdays={"lun": "lunes", "mar": "martes", "mié": "miércoles", "jue": "jueves", "vie": "viernes", "sáb": "sábado",
              "dom": "domingo"},
    currencies=_CURRENCIES,
    cents="con",
    scales={"millones": _MILLON, "millón": _MILLON, "M": _MILLON, "mill.": _MILLON, "mil": _MIL, "k": _MIL,
            "billones": Scale(Noun("billón", "billones"), True), "mil millones": Scale(Noun("mil millones",
            "mil millones", ""), True)},
    units={"m": Noun("metro", "metros"), "g": Noun("gramo", "gramos"), "l": Noun("litro", "litros"),
           "L": Noun("litro", "litros"), "t": Noun("tonelada", "toneladas", "f"), "h": Noun("hora", "horas", "f"),
           "min": Noun("minuto", "minutos"), "s": Noun("segundo", "segundos"), "ha": Noun("hectárea", "hectáreas", "f"),
           "W": Noun("vatio", "vatios"), "Wh": Noun("vatio hora", "vatios hora"), "V": Noun("voltio", "voltios"),
           "A": Noun("amperio", "amperios"), "Ah": Noun("amperio hora", "amperios hora"), "Hz": Noun("hercio",
           "hercios"),
           "Pa": Noun("pascal", "pascales"), "J": Noun("julio", "julios"), "cal": Noun("caloría", "calorías", "f"),
           "B": Noun("byte", "bytes"), "bit": Noun("bit", "bits"), "N": Noun("newton", "newtons"),
           "Ω": Noun("ohmio", "ohmios"), "bar": Noun("bar", "bares"), "mol": Noun("mol", "moles"),
           "eV": Noun("electronvoltio", "electronvoltios"), "dB": Noun("decibelio", "decibelios"),
           "lm": Noun("lumen", "lúmenes"), "CV": Noun("caballo", "caballos"),
           "hab.": Noun("habitante", "habitantes"), "°C": Noun("grado Celsius", "grados Celsius"),
           "°F": Noun("grado Fahrenheit", "grados Fahrenheit"), "°": Noun("grado", "grados")},
    prefixes={"k": "kilo", "h": "hecto", "d": "deci", "c": "centi", "m": "mili", "µ": "micro", "n": "nano", "M": "mega",
              "G": "giga", "T": "tera", "P": "peta"},
    square=("", " cuadrado", " cuadrados"), cubic=("", " cúbico", " cúbicos"),
    fractions={2: Noun("medio", "medios"), 3: Noun("tercio", "tercios"), 4: Noun("cuarto", "cuartos"),
               5: Noun("quinto", "quintos"), 6: Noun("sexto", "sextos"), 8: Noun("octavo", "octavos"),
               10: Noun("décimo", "décimos")},
    titles={"Sr": "Señor", "Sra": "Señora", "Srta": "Señorita", "Sres": "Señores", "Dr": "Doctor", "Dra": "Doctora",
            "D": "Don",
            "Dña": "Doña", "D.ª": "Doña", "Prof": "Profesor", "Lic": "Licenciado", "Sto": "Santo", "Sta": "Santa",
            "Excmo": "Excelentísimo", "Ing": "Ingeniero", "Gral": "General", "Mons": "Monseñor"},
    before_numbers={"n.º": "número", "nº": "número", "N.º": "número", "n°": "número", "núm.": "número",
                    "núms.": "números",
                    "pág.": "página", "págs.": "páginas", "p.": "página", "pp.": "páginas", "cap.": "capítulo",
                    "art.": "artículo", "arts.": "artículos", "vol.": "volumen", "fig.": "figura", "t.": "tomo",
                    "tel.": "teléfono", "Tel.": "Teléfono", "tfno.": "teléfono", "máx.": "máximo", "mín.": "mínimo",
                    "aprox.": "aproximadamente", "ca.": "circa", "ed.": "edición", "km.": "kilómetro", "s.": "siglo"},
    anywhere={"p. ej.": "por ejemplo", "p.ej.": "por ejemplo", "a. C.": "antes de Cristo", "a.C.": "antes de Cristo",
              "d. C.": "después de Cristo", "d.C.": "después de Cristo", "EE. UU.": "Estados Unidos",
              "EE.UU.": "Estados Unidos", "EEUU": "Estados Unidos", "JJ. OO.": "Juegos Olímpicos",
              "aprox.": "aproximadamente",
              "Ud.": "usted", "Uds.": "ustedes", "Vd.": "usted", "Vds.": "ustedes", "Avda.": "avenida",
              "avda.": "avenida",
              "Av.": "avenida", "C/": "calle", "c/": "calle", "pza.": "plaza", "Pza.": "plaza", "Dpto.": "departamento",
              "dpto.": "departamento", "a. m.": "a eme", "p. m.": "pe eme", "a.m.": "a eme", "p.m.": "pe eme",
              "CC. OO.": "Comisiones Obreras", "cf.": "confróntese", "hab.": "habitantes", "tel.": "teléfono",
              "vs.": "versus"},
    ending={"etc.": "etcétera", "Cía.": "compañía", "S. A.": "S A", "S.A.": "S A"},
    letters=frozenset(["UE", "ADN", "IA", "IVA", "AVE"]) - {"IVA", "AVE"},
    kings=r"Felipe|Carlos|Alfonso|Fernando|Enrique|Isabel|Juan(?:\sPablo)?|Luis|Pedro|Sancho|Benedicto|Pío|León|Gregorio"
          r"|Clemente|Inocencio|Napoleón|Catalina|Cristina|Jorge|Eduardo|Guillermo|Jacobo|Francisco|Federico|Nicolás|Ramsés"
          r"|Jaime|Ramiro|Ricardo|Alejandro|María|Leopoldo|Balduino|Alberto|Urbano|Amadeo",
    counted=r"capítulo|tomo|volumen|libro|parte|acto|escena|artículo|sección|anexo|título|fase|tipo|lámina|guerra|mundial",
    date_words=r"el|del|al|día|hasta el|desde el|lunes|martes|miércoles|jueves|viernes|sábado|domingo",
    clock_words=r"las|la|las\s",
    trunk=r"[6789]\d{2}(?:[ -]\d{3}){2}|[89]\d(?:[ -]\d{2,3}){3}|[6789]\d{2}(?:[ -]\d{2}){3}",
    month_joint="de",
    ordinals={"º": "m", "ª": "f", "er": "short", "ᵉʳ": "short", "os": "m", "°": "m", "o": "m", "a": "f", "ᵃ": "f",
              "era": "f", "ro": "m",
              "do": "m", "da": "f"},
)  # fmt: skip
