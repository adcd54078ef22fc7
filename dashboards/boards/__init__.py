"""The dashboards, one a module; BOARDS is all of them."""

from __future__ import annotations

from dashboards.boards.cost import COSTS
from dashboards.boards.engine import ENGINE
from dashboards.boards.pipeline import PIPELINE
from dashboards.boards.prediction import PREDICTION
from dashboards.boards.quality import QUALITY
from dashboards.boards.security import SECURITY
from dashboards.boards.service import SERVICE
from dashboards.boards.usage import USAGE
from dashboards.boards.words import WORDS_AND_VOICES
from dashboards.panel import Board

BOARDS: tuple[Board, ...] = (
    SERVICE,
    WORDS_AND_VOICES,
    ENGINE,
    QUALITY,
    USAGE,
    COSTS,
    SECURITY,
    PIPELINE,
    PREDICTION,
)
