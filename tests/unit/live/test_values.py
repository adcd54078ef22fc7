"""The command that prints what panels show."""

from __future__ import annotations

import json

import pytest

from dashboards.live.values import main
from tests.unit.live.stub_source import WINDOW, StubSource, json_answer, rows

START, END = "--start=1800000000", "--end=1800000060"


@pytest.fixture
def prometheus(stub: StubSource, monkeypatch: pytest.MonkeyPatch) -> StubSource:
    monkeypatch.setenv("TTSCOPE_DASHBOARD_PROMETHEUS_URL", stub.url)
    return stub


def test_it_prints_the_series_of_the_panels_by_their_names(
    prometheus: StubSource, capsys: pytest.CaptureFixture[str]
) -> None:
    prometheus.handler = json_answer(rows(({"endpoint": "/tts"}, [WINDOW.end, "0.25"]), kind="vector"))
    assert main(["endpoints", "requests-asked", START, END, "--instance=a.b"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "endpoints": {"/tts": 0.25},
        "requests-asked": {"endpoint=/tts": 0.25},
    }
    for _, parameters in prometheus.requests:
        assert parameters["time"] == "1800000060"
        assert 'instance=~"a\\\\.b"' in parameters["query"]
        assert "60s" in parameters["query"]


def test_a_value_that_is_no_number_is_null(prometheus: StubSource, capsys: pytest.CaptureFixture[str]) -> None:
    prometheus.handler = json_answer(rows(({"endpoint": "/tts"}, [WINDOW.end, "NaN"]), kind="vector"))
    assert main(["endpoints", START, END]) == 0
    assert json.loads(capsys.readouterr().out) == {"endpoints": {"/tts": None}}


def test_a_prometheus_that_does_not_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTSCOPE_DASHBOARD_PROMETHEUS_URL", "http://127.0.0.1:9")
    assert main(["endpoints", START, END]) == 1
    assert "Prometheus does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nothing", START, END], ["endpoints", START, "--end=1800000039"]])
def test_what_it_can_not_show_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
