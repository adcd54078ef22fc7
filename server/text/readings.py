"""Examples of how texts are read: the tables in docs/text.md, and how long an English sentence takes.

``python -m server.text.readings`` prints the time.
"""

from __future__ import annotations

import re
import statistics
import sys
import time

from server.text.reading import read_text

HEAD = "| Kind | Written: read |\n| --- | --- |\n"
EUROPEAN_HEAD = "| Language | Written: read |\n| --- | --- |\n"
EXAMPLES: dict[str, tuple[str, ...]] = {
    "money": ("-$3.50", "$5-10 million", "£1.2bn", "a $5 bill", "$20/mo", "US$5", "20 €", "99p"),
    "measures": ("1500 kg", "-20°C", "30-50°C", "a 5-km run", "8 oz. of it", "5 mg/dL", "10 km²", "5-10%"),
    "sizes": ("6'2\"", '8½" x 11"', "25 x 7 m", "1920\u00d71080"),
    "fractions": ("1/2", "2 1/2 cups", "31/32", "24/7", "120/80"),
    "dates": ("2025/03/04", "5/1/08", "Jan. 5", "the 26th May", "4-6 July", "15-Jan-2020", "Mon-Fri", "3Q22"),
    "years": ("in 1984", "1984 people", "2010 - 2015", "1998\u201399", "the '80s", "44 BC", "c. 1850"),
    "times": ("3:05", "10:00 am", "5-7 p.m.", "17:00", "2:05:30", "5 p.m. EST", "John 3:16"),
    "telephone": ("(555) 123-4567", "+44 20 7946 0958", "1-800-FLOWERS", "call 911", "ending in 8876"),
    "versions": ("v1.2.3", "192.168.0.1", "123456789012"),
    "addresses": ("St. Louis", "on Baker St. now", "1428 Elm St", "Santa Clara, CA 95051", "Phoenix, Ariz., is"),
    "ranges": ("pages 10-20", "10 - 3 = 7", "won 3-0", "5th-10th", "4-4-2"),
    "ordinals": ("100th", "the 1,000th"),
    "Roman numerals": ("Henry VIII", "Chapter IV", "World War I", "the XIX century", "John Smith III", "Rocky II"),
    "abbreviations": ("Dr. Smith", "No. 5", "pp. 10-12", "Acme Inc. is", "e.g. this", "w/o it"),
    "letters": ("the U.S. Army", "J. R. R. Tolkien", "Ph.D. student", "vitamin C. Doctors"),
    "electronic": ("me2@example.co.uk", "https://www.example.com/a-b", "/usr/local/bin", "#BlackFriday", "see a.txt"),
    "mathematics": ("x² + 1", "5 * 3", "10^-3", "2e10", "a < b", "±5", "~20", "#5", "C#"),
    "chemistry": ("CO2", "C6H12O6", "Ca\u00b2\u207a"),
    "signs": ("a ==== b", "👍🏽", "🇫🇷", "hello :)"),
    "read by espeak itself": ("1,234,567", "3.14", "50%", "COVID-19", "MP3", "A & B"),
}
"""English texts of each kind."""
EUROPEAN: dict[str, tuple[str, ...]] = {
    "de": ("-3,50 €", "10\u201320 Mio. €", "1 km", "-20 °C", "am 3.5.2024", "der 3. Mai", "um 14:30 Uhr",
           "im 19. Jahrhundert", "im Jahr 1984", "Friedrich II. von Preußen", "z. B. Dr. Müller", "030 1234567",
           "anna@web.de", "3/4 der Zeit", "x² < 5"),
    "fr": ("-3,50 €", "5 M€", "21 t", "1,5 l d'eau", "le 1/5/2024", "14 h 30", "le XIXe siècle", "la 1re classe",
           "François Ier régna", "Louis XIV régna", "p. 5, n° 3", "52 av. J.-C.", "01 23 45 67 89", "anna@orange.fr",
           "3/4 h"),
    "es": ("-3,50 €", "5 M€", "200 £", "21 km", "el 3/05/2024", "a las 14:30", "el 1.er piso", "la 3.ª vez",
           "Felipe II reinó", "el siglo XIX", "pág. 5, n.º 3", "EE. UU. ganó", "600 123 456", "anna@correo.es",
           "1/2 h"),
    "it": ("-3,50 €", "5 mln €", "1 t di grano", "120 km/h", "il 1/5/2024", "alle 14.30", "il 5° piano", "la II guerra",
           "Carlo V venne", "il sig. Rossi", "pag. 5, n. 3", "44 a.C.", "06 1234567", "anna@posta.it", "3/4 l"),
}  # fmt: skip
"""Texts in the languages of the European grammar."""


def table() -> str:
    """Returns the table of the English examples and how they are read, in Markdown."""
    return HEAD + "".join(_row(kind, examples, "en") for kind, examples in EXAMPLES.items())


def european_table() -> str:
    """Returns the table of the examples in other languages."""
    return EUROPEAN_HEAD + "".join(_row(language, examples, language) for language, examples in EUROPEAN.items())


def put_into(page: str) -> str:
    """Returns ``page`` with the current tables. Raises ValueError if ``page`` lacks one."""
    for heading, current in ((HEAD, table()), (EUROPEAN_HEAD, european_table())):
        before, head, after = page.partition(heading)
        if not head:
            raise ValueError("the page has no table of readings")
        page = before + current + re.sub(r"\A(\|.*\n)*", "", after)
    return page


def _row(name: str, examples: tuple[str, ...], language: str) -> str:
    return f"| {name} | {'; '.join(f'`{written}`: {_reading(written, language)}' for written in examples)} |\n"


def milliseconds() -> list[float]:
    """Returns the time of each example in a sentence of 100 characters: the shortest of five, in order."""
    filler = "The quick brown fox jumps over the lazy dog, and then it sleeps under the old tree until noon"
    texts = [f"{filler[:50]} {written} {filler[50:]}" for examples in EXAMPLES.values() for written in examples]
    return sorted(min(_seconds(text) for _ in range(5)) * 1000 for text in texts)


def main() -> int:
    """Prints the median and the 95th percentile."""
    times = milliseconds()
    p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
    sys.stdout.write(f"{len(times)} sentences: p50 {p50:.2f} ms, p95 {p95:.2f} ms\n")
    return 0


def _seconds(text: str) -> float:
    begun = time.thread_time()
    read_text(text, "en")
    return time.thread_time() - begun


def _reading(written: str, language: str) -> str:
    return " / ".join(sentence.text for sentence in read_text(written, language)) or "(nothing)"


if __name__ == "__main__":
    sys.exit(main())
