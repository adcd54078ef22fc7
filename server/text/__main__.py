"""The command line for texts: python -m server.text TEXT prints how a text is read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import get_args

from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.errors import SpeechError
from server.text.language_detection import AUTO, LanguageDetector
from server.text.languages import beside, espeak_code
from server.text.phonemes import EspeakVoices, pool
from server.text.script import InputType, ScriptParser
from server.text.source_reading import SourceReading, read_source

DEFAULT = "en-us"
"""The language of a text if none is given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the reading and returns the exit status: 1 for a text that can't be read, with the reason on stderr."""
    options = _parser().parse_args(arguments)
    text = sys.stdin.read() if options.text == "-" else options.text
    try:
        language = DEFAULT if options.language == AUTO else options.language
        script = ScriptParser().parse(text, options.input_type, language, languages=espeak_code)
        if options.language == AUTO:
            script = LanguageDetector().detected(script, beside(DEFAULT))
        reading = read_source(script, language, 1.0, EspeakVoices().phonemize(language))
    except SpeechError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    finally:
        pool().close()
    Console(highlight=False).print(table(reading, text))
    return 0


def table(reading: SourceReading, text: str) -> Table:
    """Returns a table with a row for each stretch of a text, and for what is skipped of it; with languages if there is
    more than one."""
    stretches = [stretch for sentence in reading.sentences for stretch in sentence.stretches]
    languages = len({stretch.language for stretch in stretches}) > 1
    rows = Table("Written", "Spoken", "Phonemes", "Rule", *(["Language"] if languages else []))
    for sentence in reading.sentences:
        for stretch in sentence.stretches:
            cells = (stretch.written, stretch.spoken, stretch.phonemes or "", stretch.rule or "", stretch.language)
            rows.add_row(*map(Text, cells if languages else cells[:-1]))
        if sentence.pause:
            rows.add_row("", Text(f"{sentence.pause:g} s of silence", style="dim"))
        rows.add_section()
    for span, reason in reading.omissions:
        rows.add_row(Text(text[slice(*span)]), Text(f"skipped: {reason}", style="dim"))
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.text", description="Prints how a text is read.")
    parser.add_argument("text", help="the text; - reads it from standard input")
    parser.add_argument(
        "--language",
        default=DEFAULT,
        help="the language of the text, such as de; auto finds it for each sentence (default: %(default)s)",
    )
    parser.add_argument(
        "--input-type", choices=get_args(InputType), default="text", help="how the text is written (default: text)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
