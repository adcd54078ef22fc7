"""Downloads a Coqui model by its name, tts_models/LANGUAGE/DATASET/MODEL, by Coqui's own means."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.errors import VoiceError
from server.voices.checkpoint import before_import

NAME = re.compile(r"tts_models/[\w-]+/[\w-]+/vits[\w-]*")


@contextmanager
def downloaded(name: str) -> Iterator[Path]:
    """Downloads a VITS model into a temporary folder and yields its path; ``install.add`` keeps a verified copy.

    Raises VoiceError when there is no such model, or it can't be downloaded.
    """
    if not NAME.fullmatch(name):
        raise VoiceError(Path(name), "is not a VITS model's name, such as tts_models/en/ljspeech/vits")
    before_import()
    from TTS.utils.manage import ModelManager

    logging.getLogger("TTS.utils.manage").setLevel(logging.CRITICAL)  # it logs the traceback of each error
    with tempfile.TemporaryDirectory() as folder:
        try:
            model, _, _ = ModelManager(output_prefix=folder, progress_bar=False).download_model(name)
        except KeyError as error:
            raise VoiceError(Path(name), "is not among Coqui's models") from error
        except Exception as error:  # of requests, zipfile or Coqui: any failed download
            raise VoiceError(
                Path(name), f"can't be downloaded ({type(error).__name__}): fetch it elsewhere, and add its folder"
            ) from error
        path = Path(model)
        yield path if path.is_dir() else path.parent
