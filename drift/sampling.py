"""Which rows are taken of many: the same ones whenever it is asked again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def sample(rows: int, size: int) -> npt.NDArray[np.int64]:
    """``size`` places of ``rows``, ascending, by chance but always the same; all of them when there are no more.

    By chance and not every so manieth: callers that take turns would else be taken for one.
    """
    if size >= rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng((rows, size)).permutation(rows)[:size])
