"""The command line for voices: python -m server.voices {list,install,add}."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from server.errors import VoiceError
from server.lifecycle.data_folder import add_data_dir
from server.voices.catalogue import VOICES_FOLDER, Catalogue, InstalledVoice


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status: 1 after an error, which is reported in one line on stderr."""
    options = _parser().parse_args(arguments)
    folder = options.data_dir / VOICES_FOLDER
    try:
        if options.command == "list":
            _list(folder)
        else:
            for installed in _install(folder, options):
                _describe(installed)
    except (VoiceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted, nothing was installed", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.voices", description="Lists, installs and adds voices.")
    add_data_dir(parser, "voices/NAME/ lie")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show the installed voices, and those skipped with the reason")
    commands.add_parser("install", help="install the default voice, or repair it")
    add = commands.add_parser("add", help="install a voice of your own")
    add.add_argument(
        "path",
        type=Path,
        help="a Piper voice's .onnx file, a folder with a Coqui VITS checkpoint, "
        "or a name of Coqui's such as tts_models/en/ljspeech/vits",
    )
    add.add_argument("--name", help="what to call it (default: from its file's name)")
    add.add_argument("--language", help="the language that it speaks, such as en or pt-br (default: as it says)")
    add.add_argument(
        "--speaker",
        action="append",
        help="of a voice with several: one of them, or all; each becomes a voice NAME-SPEAKER; may be given repeatedly",
    )
    return parser


def _install(folder: Path, options: argparse.Namespace) -> Iterator[InstalledVoice]:
    from server.voices import install

    start = time.monotonic()

    def progress(step: str) -> None:
        print(f"{time.monotonic() - start:5.1f} s  {step}", file=sys.stderr, flush=True)

    progress(f"installing into {folder}")
    if options.command == "install":
        yield install.install_default(folder, progress)
    else:
        with _source(str(options.path), progress) as path:
            name = options.name or (None if path == options.path else "-".join(options.path.parts[2:]))
            names = options.speaker or [None]
            if names == ["all"]:
                names = list(install.speakers_of(path)) or [None]
            for speaker in names:
                yield install.add(folder, path, name, options.language, progress, speaker=speaker)
    progress("done")


@contextmanager
def _source(address: str, progress: Callable[[str], None]) -> Iterator[Path]:
    """Yields the path of the voice's files, after downloading them if necessary."""
    if not address.startswith("tts_models/") or Path(address).exists():
        yield Path(address)
        return
    from server.voices.download import downloaded

    progress(f"downloading {address}")
    with downloaded(address) as path:
        yield path


def _list(folder: Path) -> None:
    catalogue = Catalogue.scan(folder)
    for installed in catalogue.voices.values():
        _describe(installed)
    for skipped in catalogue.skipped:
        print(f"{skipped.name}: skipped: {skipped.reason}")
    if not catalogue.voices:
        print(f"no voice in {folder}: python -m server.voices install", file=sys.stderr)


def _describe(installed: InstalledVoice) -> None:
    voice = installed.voice
    print(f"{voice.name}: {' '.join(voice.languages)}, {voice.sample_rate} Hz, {installed.folder}")


if __name__ == "__main__":
    sys.exit(main())
