"""Models on onnxruntime: how they are loaded, and the options that every run needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, RunOptions  # type: ignore[import-untyped]

SILENT = 4
"""onnxruntime's log level at which only fatal errors are written to standard error."""


def load_session(model: Path | bytes) -> tuple[InferenceSession, RunOptions]:
    """Imports onnxruntime, which takes 0.5 s, and loads a model from its file or its content. Each run needs the
    returned options.

    A run uses one core, so that each core speaks its own sentence: with all cores on every sentence, two cores make
    16.8 seconds of audio per second instead of 19.2. A run releases its memory: after sentences of 400 phonemes on two
    threads the process has grown by 100 MB (710 MB without this; 780 MB without onnxruntime's arena, at two thirds of
    the speed).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it would keep a memory plan for every sentence length
    options.log_severity_level = SILENT
    run_options = onnxruntime.RunOptions()
    run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    content = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]), run_options
