"""The command line for dictionaries: python -m server.pronunciations {list,add,test,export}."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from server.errors import SpeechError
from server.lifecycle.data_folder import add_data_dir
from server.shared.store_address import shared_files_of_environment
from server.text.dictionaries import DICTIONARIES_FOLDER, Dictionaries
from server.text.dictionary_changes import ADDED_FILE, put
from server.text.dictionary_files import LANGUAGE, DictionaryEntry, DictionaryError, write_csv
from server.text.lexicon import Pronunciation, pronounced
from server.text.phonemes import Phonemizer
from server.text.reading import read_text
from server.text.script import ScriptParser
from server.utterance import Passage

FILE_NAME = re.compile(r"[\w-]{1,60}\.csv")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status: 1 after an error, which is reported on stderr."""
    options = _parser().parse_args(arguments)
    folder = options.data_dir / DICTIONARIES_FOLDER
    try:
        shared = shared_files_of_environment(options.data_dir)
        dictionaries = Dictionaries(folder, shared=shared)
        if options.command == "add":
            _add(dictionaries, options)
            return 0
        if shared is not None:
            shared.look()
        dictionaries.load()
        if options.command == "list":
            _list(dictionaries)
        elif options.command == "export":
            sys.stdout.write(write_csv(dictionaries.entries))
        else:
            _test(dictionaries, options.text, options.language)
    except (DictionaryError, SpeechError, ValueError, OSError) as error:
        print(f"error: {_message(error)}", file=sys.stderr)
        return 1
    for name, problem in dictionaries.problems.items():
        print(f"error: {name}: {problem}", file=sys.stderr)
    return 1 if dictionaries.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server.pronunciations", description="Lists, adds, tests and exports pronunciations."
    )
    add_data_dir(parser, "pronunciations/ lies")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show all entries, and what is wrong with files")
    add = commands.add_parser(
        "add", help="add an entry to a CSV file, or replace it; a running server reads it at once"
    )
    add.add_argument("text", help="a word or a phrase as it is written")
    add.add_argument("--say", default="", help="what is read instead")
    add.add_argument("--ipa", default="", help="its phonemes in the International Phonetic Alphabet: ˈwʊstə")
    add.add_argument("--language", type=_language, default="", help="such as en or en-gb (default: every language)")
    add.add_argument("--case", action="store_true", help="upper and lower case must be as written")
    add.add_argument("--within-words", action="store_true", help="also within a longer word")
    add.add_argument("--file", type=_file_name, default=ADDED_FILE, help="the file's name (default: %(default)s)")
    test = commands.add_parser("test", help="show how a text is read")
    test.add_argument("text", help="the text")
    test.add_argument("--language", type=_language, default="en", help="its language (default: %(default)s)")
    commands.add_parser("export", help="write all entries as CSV")
    return parser


def _list(dictionaries: Dictionaries) -> None:
    for entry in dictionaries.entries:
        said = entry.pronunciation
        reading = ", ".join(each for each in (said.say, f"/{said.ipa}/" if said.ipa else "") if each)
        flags = [name for name, is_set in (("case", said.case), ("within words", not said.whole_word)) if is_set]
        print(f"{said.text}: {reading} ({', '.join([entry.language or 'every language', *flags])})")
    if not dictionaries.entries:
        print("there is no pronunciation: python -m server.pronunciations add", file=sys.stderr)


def _add(dictionaries: Dictionaries, options: argparse.Namespace) -> None:
    """Adds an entry in place of one for the same words."""
    said = Pronunciation(
        text=options.text, say=options.say, ipa=options.ipa, case=options.case, whole_word=not options.within_words
    )
    dictionaries.change(options.file, lambda path: put(path, DictionaryEntry(said, options.language)))


def _test(dictionaries: Dictionaries, text: str, language: str) -> None:
    """Prints each sentence as it is read, what read its parts, and its phonemes."""
    script = pronounced(ScriptParser().parse(text, "text", language), [dictionaries.lexicon(language)])
    phonemizer = Phonemizer()
    voice = phonemizer.resolve(language)
    for passage in script.passages or (Passage(script.text),):
        for sentence in read_text(passage.text, language, passage.verbalizations):
            print(sentence.text)
            for part in sentence.stretches:
                reading = f"/{part.ipa}/" if part.ipa else part.spoken
                print(f"  {sentence.written[part.start : part.stop]}: {reading} ({part.rule})")
            print(f"  /{''.join(phonemizer.sentence(sentence.transcribed, voice))}/")


def _language(written: str) -> str:
    language = written.lower().replace("_", "-")
    if not LANGUAGE.fullmatch(language):
        raise argparse.ArgumentTypeError("must be a code such as en or pt-br")
    return language


def _file_name(written: str) -> str:
    if not FILE_NAME.fullmatch(written):
        raise argparse.ArgumentTypeError("must be like names.csv, without a folder")
    return written


def _message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors(include_url=False, include_input=False)[0]
        return "".join(f"{part}: " for part in problem["loc"][:1]) + problem["msg"]
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
