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
from server.text.phonemes import EspeakVoices, pool
from server.text.script import InputType, ScriptParser
from server.text.source_reading import SourceReading, read_source


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the reading and returns the exit status: 1 for a text that can't be read, with the reason on stderr."""
    options = _parser().parse_args(arguments)
    text = sys.stdin.read() if options.text == "-" else options.text
    try:
        script = ScriptParser().parse(text, options.input_type, options.language)
        reading = read_source(script, options.language, 1.0, EspeakVoices().phonemize(options.language))
    except SpeechError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    finally:
        pool().close()
    Console(highlight=False).print(table(reading, text))
    return 0


def table(reading: SourceReading, text: str) -> Table:
    """Returns a table with a row for each stretch of a text, and for what is skipped of it."""
    rows = Table("Written", "Spoken", "Phonemes", "Rule")
    for sentence in reading.sentences:
        for stretch in sentence.stretches:
            rows.add_row(*map(Text, (stretch.written, stretch.spoken, stretch.phonemes or "", stretch.rule or "")))
        if sentence.pause:
            rows.add_row("", Text(f"{sentence.pause:g} s of silence", style="dim"))
        rows.add_section()
    for span, reason in reading.omissions:
        rows.add_row(Text(text[slice(*span)]), Text(f"skipped: {reason}", style="dim"))
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.text", description="Prints how a text is read.")
    parser.add_argument("text", help="the text; - reads it from standard input")
    parser.add_argument("--language", default="en-us", help="the language of the text, such as de (default: en-us)")
    parser.add_argument(
        "--input-type", choices=get_args(InputType), default="text", help="how the text is written (default: text)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
