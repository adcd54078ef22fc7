"""Reads the file of the trained model whenever it has changed, beside the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from otel.prediction.model_file import ModelInvalid, PredictionModel, read
from otel.support.watched_files import WatchedFiles
from server.logs import LOGGER
from server.prediction.request_predictor import RequestPredictor

INTERVAL_SECONDS = 10.0

log = logging.getLogger(f"{LOGGER}.prediction")


class ModelWatcher:
    """Gives the predictor each new model."""

    def __init__(self, paths: Sequence[Path], predictor: RequestPredictor) -> None:
        """The first of ``paths`` that exists is the model's."""
        self._paths = paths
        self._files = WatchedFiles(paths)
        self.predictor = predictor

    async def run(self) -> None:
        """Looks for a new file, and for the model's age, until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def look(self) -> None:
        """Reads the file if it has changed. A file that can't be used is logged, and no model is used then."""
        if await asyncio.to_thread(self._files.changed):
            try:
                model = await asyncio.to_thread(self._read)
            except (ModelInvalid, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                log.warning("the prediction model can't be read", extra={"reason": reason})
                self.predictor.refuse()
            else:
                self.predictor.use(model)
        else:
            self.predictor.assess()

    def _read(self) -> PredictionModel | None:
        self._files.mark()
        models = (read(path) for path in self._paths)
        return next((model for model in models if model is not None), None)
