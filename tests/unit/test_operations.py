"""docs/operations.md tells the truth: every metric, command, variable and file that it names is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import dashboards.live.settings
import stack.settings
from otel.contract.libraries import HTTP_METRICS, SDK_METRICS
from otel.contract.metrics import CONTRACT
from otel.support import addresses
from otel.support.addresses import PublicAddresses
from server.settings import variables
from stack.settings import StackSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
METRICS = {metric.prometheus_name for metric in (*CONTRACT, *HTTP_METRICS, *SDK_METRICS)}


def named(pattern: str) -> list[str]:
    return sorted(set(re.findall(pattern, PAGE)))


@pytest.mark.parametrize("name", named(r"\b(?:tts|otel_sdk|http_server)_[a-z0-9_]+\b"))
def test_every_metric_is_there(name: str) -> None:
    assert re.sub(r"_(bucket|count|sum)$", "", name) in METRICS


@pytest.mark.parametrize("module", named(r"python -m ([a-z_.]+)"))
def test_every_command_is_there(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("target", named(r"make ([a-z-]+)`"))
def test_every_make_target_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", named(r"\b(?:TTSCOPE|PROMETHEUS|METRICS)_[A-Z_]+\b"))
def test_every_variable_is_there(name: str) -> None:
    stack_variables = map(stack.settings.variable, StackSettings.model_fields)
    public = map(addresses.variable, PublicAddresses.model_fields)
    assert name in {*variables(), *public, *stack_variables, *dashboards.live.settings.variables()}


@pytest.mark.parametrize("port", named(r"localhost:(\d+)"))
def test_every_port_is_one_of_ours(port: str) -> None:
    ours = {str(field.default) for field in StackSettings.model_fields.values()}
    assert port in ours | {"8010", "8002"}


def test_every_link_leads_somewhere() -> None:
    for link in named(r"\]\(([^)#:]+)\)"):
        assert (ROOT / "docs" / link).exists(), link
