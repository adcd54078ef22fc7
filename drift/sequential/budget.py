"""The budget of false alarms: at most one in 1,000 days, over all series together.

Each start of an e-detector (shares.py, levels.py) has a weight, which is set before the requests that follow it are
seen. While nothing changes, the evidence M of a series grows in the mean by at most the weights of its starts, since
the products that it sums have a mean of at most 1. An alarm needs M of 1 or more, and sets M to 0. So M plus the alarms
so far, less the weights so far, is a supermartingale, and the expected number of false alarms is at most the sum of all
weights, of all series, however they depend on each other. A request has the time since the request before as its
weight, divided among the series that it is part of. The sum of all weights in 1,000 days is therefore at most 1.
"""

from __future__ import annotations

from otel.contract.drift_changes import ChangeMeasure, Dimension

DAYS_PER_FALSE_ALARM = 1000.0
MEASURES = {ChangeMeasure.LATENCY: 0.6, ChangeMeasure.FAILURES: 0.3, ChangeMeasure.WORD_ERROR_RATE: 0.1}
"""The shares of the measures. Latency has most: its levels move by themselves, so a change is hard to tell, while a
failing provider is plain after a few requests."""
DIMENSIONS: dict[ChangeMeasure, dict[Dimension, float]] = {
    ChangeMeasure.LATENCY: {Dimension.SERVICE: 0.8, Dimension.VOICE: 0.12, Dimension.BUILD: 0.08},
    ChangeMeasure.FAILURES: {
        Dimension.SERVICE: 0.4,
        Dimension.VOICE: 0.2,
        Dimension.BUILD: 0.2,
        # a request that a second provider had to speak is part of two series
        Dimension.PROVIDER: 0.1,
    },
    ChangeMeasure.WORD_ERROR_RATE: {Dimension.SERVICE: 0.5, Dimension.VOICE: 0.3, Dimension.BUILD: 0.2},
}
"""The shares of the series that a request is part of, within each measure."""


def weight_of_second(measure: ChangeMeasure, dimension: Dimension) -> float:
    """Returns the weight of a request of a series of the dimension, for each second since the request before it."""
    return MEASURES[measure] * DIMENSIONS[measure][dimension] / (DAYS_PER_FALSE_ALARM * 86_400.0)
