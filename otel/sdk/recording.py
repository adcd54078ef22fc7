"""Records metrics by the contract: creates its instruments, and restricts attributes to their allow-lists."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otel.contract.instrument import Instrument
from otel.contract.labels import OTHER, Source
from otel.contract.metrics import CONTRACT
from otel.sdk.histograms import HistogramStore
from otel.sdk.totals import Totals

AllowLists = Mapping[Source, Container[str]]
Attributes = dict[str, str]
Readings = Iterable[tuple[float, Attributes]]


class Metrics:
    """The contract's instruments on one meter.

    Every attribute of every reading is looked up in its allow-list, so a client's input can't add a series. Counters
    are summed here, histograms in ``histograms`` (None: they are not recorded), and read when metrics are collected.
    Only histograms have exemplars, since panels show those.
    """

    def __init__(self, meter: Meter, allow_lists: AllowLists, histograms: HistogramStore | None) -> None:
        self._meter = meter
        self._histograms = histograms
        self._allowed = {
            instrument.name: {
                attribute.name: (
                    allow_lists[attribute.values]
                    if isinstance(attribute.values, Source)
                    else frozenset(attribute.values)
                )
                for attribute in instrument.attributes
            }
            for instrument in CONTRACT
        }
        self._counters: dict[str, Totals] = {}
        for instrument in CONTRACT:
            if instrument.kind == "counter" and not instrument.observed:
                totals = Totals([attribute.name for attribute in instrument.attributes])
                self._counters[instrument.name] = totals
                meter.create_observable_counter(instrument.name, [totals], instrument.unit, instrument.help)

    def add(self, counter: Instrument, amount: float, **attributes: str) -> None:
        """Adds to a counter. Raises KeyError if it is not in the contract, or has other attributes."""
        self._counters[counter.name].add(amount, tuple(self.allowed(counter, attributes).values()))

    def record(self, histogram: Instrument, value: float, context: Context | None = None, **attributes: str) -> None:
        """Records a reading; a sampled span in ``context`` becomes its exemplar. Raises KeyError as ``add`` does."""
        values = tuple(self.allowed(histogram, attributes).values())
        if self._histograms is not None:
            self._histograms.record(histogram.name, value, values, context)

    def observe(self, instrument: Instrument, read: Callable[[], Readings]) -> None:
        """Calls ``read`` whenever metrics are collected, for a gauge or a counter that is counted elsewhere.

        Call it once for each instrument.
        """

        def callback(options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, self.allowed(instrument, attributes)) for value, attributes in read()]

        counts = instrument.kind == "counter"
        create = self._meter.create_observable_counter if counts else self._meter.create_observable_gauge
        create(instrument.name, [callback], instrument.unit, instrument.help)

    def allowed(self, instrument: Instrument, attributes: Attributes) -> Attributes:
        """Returns the attributes in the contract's order; values that are not on their allow-list become ``other``."""
        lists = self._allowed[instrument.name]
        if attributes.keys() != lists.keys():
            raise KeyError(f"{instrument.name} has the attributes {sorted(lists)}, not {sorted(attributes)}")
        # The SDK treats a StrEnum member and the equal str as two values, so all become plain str.
        return {name: str(value) if (value := attributes[name]) in values else OTHER for name, values in lists.items()}
