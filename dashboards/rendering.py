"""Renders a board as the JSON that Grafana reads."""

from __future__ import annotations

import json
from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.annotations import ANNOTATIONS, Annotation
from dashboards.drawing import PROMETHEUS_SOURCE, draw, legend
from dashboards.layout import place
from dashboards.panel import Board, Panel
from dashboards.trace_sources import JAEGER, SERVICE, TEMPO, TraceSource
from dashboards.variables import ALL, JOB, VARIABLES, Variable

TAG = "ttscope"
GRAFANAS_OWN = models.DataSourceRef("grafana", "-- Grafana --")
"""The source of annotations that are posted to /api/annotations, as the drift job does."""


class Mark(models.AnnotationQuery):
    """An annotation with the fields of the Prometheus data source, which the SDK lacks.

    Source: Grafana's documentation, "Prometheus data source", "Annotations".
    """

    def __init__(self, annotation: Annotation) -> None:
        super().__init__(annotation.name, PROMETHEUS_SOURCE, icon_color=annotation.colour, expr=annotation.promql)
        self.words = {
            "titleFormat": legend(annotation.title),
            "textFormat": legend(annotation.text),
            "step": "60s",
            "useValueForTime": False,
        }

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **self.words}


def render(board: Board, traces: TraceSource = TEMPO, tag: str = TAG) -> str:
    """Returns the text of the file, which is the same for the same board."""
    drawn = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([tag])
        .readonly()
        .refresh("30s")
        .time("now-1h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables([_source("datasource", "Prometheus"), *_of_traces(traces), *map(_choice, VARIABLES)])
        .links([_other_dashboards()])
        .build()
    )
    drawn.annotations = models.AnnotationContainer([_posted(), *map(Mark, ANNOTATIONS)])
    drawn.panels = list(_panels(board, traces))
    return json.dumps(drawn, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _panels(board: Board, traces: TraceSource) -> Iterator[models.Panel | models.RowPanel]:
    for number, (item, at) in enumerate(place(board), start=1):
        grid = models.GridPos(at.height, at.width, at.x, at.y)
        if isinstance(item, Panel):
            yield draw(item, traces).id(number).grid_pos(grid).build()
        else:
            yield dashboard.Row(item.title).id(number).grid_pos(grid).collapsed(False).build()


def _source(name: str, kind: str) -> dashboard.DatasourceVariable:
    option = models.VariableOption(text=kind, value=kind.lower(), selected=True)
    return dashboard.DatasourceVariable(name).label(kind).type(kind.lower()).current(option)


def _of_traces(traces: TraceSource) -> Iterator[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    """Yields the variable that selects the source, and for Jaeger the one with the service to ask it for."""
    yield _source(traces.name, traces.label)
    if traces is JAEGER:
        yield _values(SERVICE, "Traces of", f"label_values({JOB.metric}, {JOB.label})")


def _values(name: str, title: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .datasource(PROMETHEUS_SOURCE)
        .query({"qryType": 1, "query": query, "refId": name})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _choice(variable: Variable) -> dashboard.QueryVariable:
    before = VARIABLES[: VARIABLES.index(variable)]
    filters = ", ".join(f'{other.label}=~"${other.name}"' for other in before)
    series = f"{variable.metric}{{{filters}}}" if filters else variable.metric
    return (
        _values(variable.name, variable.title, f"label_values({series}, {variable.label})")
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def _other_dashboards() -> dashboard.DashboardLink:
    """Returns the link to the other dashboards, with the same time range and variables."""
    link = dashboard.DashboardLink("ttscope").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).include_vars(True).keep_time(True)


def _posted() -> models.AnnotationQuery:
    """Returns the annotations that are posted to /api/annotations for all dashboards, by their tag."""
    target = models.AnnotationTarget(limit=100, match_any=False, tags=[TAG], type_val="tags")
    return models.AnnotationQuery("Posted", GRAFANAS_OWN, icon_color="purple", target=target)
