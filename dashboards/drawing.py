"""Converts a panel to the types of Grafana's SDK: one function for each kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    statushistory,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from dashboards.links import explore
from dashboards.panel import INSTANT, Kind, Panel, Query, Search, Threshold, Unit, has_exemplars
from dashboards.trace_sources import TraceSource

Drawn: TypeAlias = (
    bargauge.Panel
    | heatmap.Panel
    | stat.Panel
    | statetimeline.Panel
    | statushistory.Panel
    | table.Panel
    | text.Panel
    | timeseries.Panel
)

PROMETHEUS_SOURCE = models.DataSourceRef("prometheus", "${datasource}")
COLOURS = {"warning": "orange", "critical": "red"}
FINE = "green"
CELLS = 60
"""The maximum number of columns of a grid: more can't be distinguished."""


class TraceQuery(Builder[Dataquery]):
    """A search for traces; the SDK has types for Tempo's, none for Jaeger's."""

    def __init__(self, search: Search, source: TraceSource) -> None:
        query = source.query(search)
        if query is None:
            raise ValueError(f"{source.label} can't be asked for {search}: leave the panel out")
        self._query = UnknownDataquery({**query, "datasource": reference(source)})

    def build(self) -> Dataquery:
        return self._query


def reference(source: TraceSource) -> models.DataSourceRef:
    """Returns the reference to the data source that the variable of its name selects."""
    return models.DataSourceRef(source.name, f"${{{source.name}}}")


def draw(panel: Panel, traces: TraceSource) -> Drawn:
    """Returns a panel with its queries, thresholds and links, without its position."""
    drawn = DRAWERS[panel.kind](panel)
    drawn.title(panel.title).description(panel.description)
    if panel.kind == "text":
        return drawn.description("")
    if isinstance(panel.ask, Search):
        drawn.datasource(reference(traces))
        drawn.description(f"{panel.description} {traces.difference(panel.ask)}".rstrip())
    else:
        drawn.datasource(PROMETHEUS_SOURCE)
    drawn.unit(panel.unit).targets(targets(panel, traces)).thresholds(steps(panel.thresholds))
    if panel.empty:
        drawn.no_value(panel.empty)
    if panel.unit is Unit.STATE:
        drawn.mappings(
            [models.ValueMap({str(n): models.ValueMappingResult(word) for n, word in enumerate(("no", "yes"))})]
        )
    if panel.traces and (url := explore(panel.traces, traces)):
        title = f"Traces of these requests. {traces.difference(panel.traces)}".removesuffix(". ")
        link = dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK)
        drawn.links([link.url(url).target_blank(True)])
    return drawn


def targets(panel: Panel, traces: TraceSource) -> list[Builder[Dataquery]]:
    """Yields the queries with their letters, A first."""
    if isinstance(panel.ask, Search):
        return [TraceQuery(panel.ask, traces)]
    return [_query(panel.kind, query).ref_id(chr(ord("A") + n)) for n, query in enumerate(panel.queries)]


def legend(words: str) -> str:
    """Returns a legend with {label} in Grafana's notation."""
    return re.sub(r"\{(\w+)\}", r"{{\1}}", words)


def steps(thresholds: tuple[Threshold, ...]) -> dashboard.ThresholdsConfig:
    """Returns the colours from the lowest value upwards."""
    ordered = sorted(thresholds, key=lambda threshold: threshold.value)
    below = [threshold for threshold in ordered if threshold.below]
    above = [threshold for threshold in ordered if not threshold.below]
    steps = [models.Threshold(None, FINE)]
    if below:
        starts = [None, *(threshold.value for threshold in below)]
        colours = [*(COLOURS[threshold.severity] for threshold in below), FINE]
        steps = [models.Threshold(start, colour) for start, colour in zip(starts, colours, strict=True)]
    steps += [models.Threshold(threshold.value, COLOURS[threshold.severity]) for threshold in above]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _query(kind: Kind, query: Query) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.promql).legend_format(legend(query.legend) or "__auto")
    target.datasource(PROMETHEUS_SOURCE)
    if kind == "table":
        target.format(PromQueryFormat.TABLE)
    elif kind == "heatmap":
        target.format(PromQueryFormat.HEATMAP)
    else:
        target.format(PromQueryFormat.TIME_SERIES)
    if kind in INSTANT:
        return target.instant()
    return target.range().exemplar(has_exemplars(kind, query))


def _lines(panel: Panel) -> Drawn:
    drawn = timeseries.Panel().line_width(2).fill_opacity(8).show_points(shapes.VisibilityMode.NEVER)
    if panel.thresholds:
        drawn.thresholds_style(common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED))
    return _over_time(drawn)


def _stacked(panel: Panel) -> Drawn:
    drawn = timeseries.Panel().line_width(1).fill_opacity(60).show_points(shapes.VisibilityMode.NEVER)
    return _over_time(drawn.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A")))


def _over_time(drawn: timeseries.Panel) -> timeseries.Panel:
    table = (
        common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.TABLE).placement(shapes.LegendPlacement.BOTTOM)
    )
    drawn.legend(table.show_legend(True).calcs(["mean", "max", "lastNotNull"]))
    drawn.tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
    return drawn.axis_soft_min(0).color_scheme(_colour(models.FieldColorModeId.PALETTE_CLASSIC))


def _bars(panel: Panel) -> Drawn:
    drawn = bargauge.Panel().orientation(shapes.VizOrientation.HORIZONTAL).reduce_options(_last())
    drawn.display_mode(shapes.BarGaugeDisplayMode.GRADIENT).min(0)
    scheme = models.FieldColorModeId.THRESHOLDS if panel.thresholds else models.FieldColorModeId.PALETTE_CLASSIC
    return drawn.color_scheme(_colour(scheme))


def _stat(panel: Panel) -> Drawn:
    drawn = stat.Panel().reduce_options(_last()).graph_mode(shapes.BigValueGraphMode.NONE)
    return drawn.color_mode(shapes.BigValueColorMode.VALUE).color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))


def _heatmap(panel: Panel) -> Drawn:
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    drawn = heatmap.Panel().calculate(False).color(colours).y_axis(heatmap.YAxisConfig().unit(panel.unit))
    return drawn.cell_values(heatmap.CellValues().unit(Unit.PER_SECOND)).cell_gap(1).show_legend()


def _grid(panel: Panel) -> Drawn:
    drawn = statushistory.Panel().show_value(shapes.VisibilityMode.NEVER).max_data_points(CELLS).fill_opacity(90)
    hidden = common.VizLegendOptions().show_legend(False).display_mode(shapes.LegendDisplayMode.LIST)
    drawn.legend(hidden.placement(shapes.LegendPlacement.BOTTOM))
    return drawn.color_scheme(_colour(models.FieldColorModeId.CONTINUOUS_GR_YL_RD))


def _states(panel: Panel) -> Drawn:
    drawn = statetimeline.Panel().show_value(shapes.VisibilityMode.AUTO).merge_values(True).row_height(0.8)
    hidden = common.VizLegendOptions().show_legend(False).display_mode(shapes.LegendDisplayMode.LIST)
    drawn.legend(hidden.placement(shapes.LegendPlacement.BOTTOM))
    return drawn.fill_opacity(80).color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))


def _table(panel: Panel) -> Drawn:
    tidy = {"excludeByName": {"Time": True}, "renameByName": {"Value": panel.title}}
    return table.Panel().transformations([models.DataTransformerConfig("organize", options=tidy)])


def _traces(panel: Panel) -> Drawn:
    return table.Panel().sort_by([common.TableSortByFieldState().display_name("Duration").desc(True)])


def _text(panel: Panel) -> Drawn:
    return text.Panel().mode(TextMode.MARKDOWN).content(panel.description)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _colour(mode: models.FieldColorModeId) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(mode)


DRAWERS: dict[Kind, Callable[[Panel], Drawn]] = {
    "lines": _lines,
    "stacked": _stacked,
    "bars": _bars,
    "stat": _stat,
    "heatmap": _heatmap,
    "grid": _grid,
    "states": _states,
    "table": _table,
    "traces": _traces,
    "text": _text,
}
