"""The project's own rules and routes with all their times divided, so that minutes become seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = r"(\d+)([smhd])"


def duration(text: str, times: float, least: float = 0.0) -> str:
    """A duration, so many times shorter."""
    match = re.fullmatch(DURATION, text)
    assert match, text
    return f"{max(least, int(match[1]) * SECONDS[match[2]] / times) * 1000:.0f}ms"


def expression(expr: str, times: float) -> str:
    """PromQL whose ranges, subqueries and offsets are so many times shorter."""

    def shorter(match: re.Match[str]) -> str:
        return re.sub(DURATION, lambda one: duration(one[0], times), match[0])

    return re.sub(rf"\[{DURATION}(:{DURATION})?\]|offset {DURATION}", shorter, expr)


def rules(source: Path, target: Path, times: float, holds: Mapping[str, float]) -> Path:
    """Every file of rules, evaluated every second. ``holds`` says by topic how much shorter an alert waits before it
    fires and before it ends; ``times`` holds for everything else."""
    target.mkdir(parents=True)
    for path in source.glob("*.yml"):
        content = yaml.safe_load(path.read_text())
        for group in content["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                rule["expr"] = expression(rule["expr"], times)
                hold = holds.get(rule.get("labels", {}).get("topic"), times)
                for name in {"for", "keep_firing_for"} & rule.keys():
                    rule[name] = duration(rule[name], hold)
        (target / path.name).write_text(yaml.safe_dump(content))
    return target


def routes(folder: Path, times: float) -> Path:
    """alertmanager.yml in ``folder``, changed where it stands."""
    path = folder / "alertmanager.yml"
    content = yaml.safe_load(path.read_text())
    _hasten(content["route"], times)
    path.write_text(yaml.safe_dump(content))
    return folder


def _hasten(route: dict[str, Any], times: float) -> None:
    for name in {"group_wait", "group_interval", "repeat_interval"} & route.keys():
        route[name] = duration(route[name], times, least=1.0)
    for child in route.get("routes", []):
        _hasten(child, times)
