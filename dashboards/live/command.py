"""``python -m dashboards live``: starts Streamlit's server in this process, with its options as flags."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dashboards.live.settings import Settings, load, unknown_variables
from dashboards.live.theme import DARK, LIGHT, Theme
from otel.support import addresses
from otel.support.environment import SettingsError
from otel.support.host_names import WILDCARDS

ROOT = Path(__file__).parent.parent.parent
APP = Path(__file__).parent / "app.py"


def main(arguments: Sequence[str]) -> int:
    """Replaces this process with Streamlit, so it returns only an error: 2 for invalid settings."""
    argparse.ArgumentParser(prog="python -m dashboards live", description=__doc__).parse_args(arguments)
    try:
        settings = load()
        addresses.load()
    except SettingsError as error:
        print(f"ttscope-dashboard: {error}", file=sys.stderr)  # noqa: T201 - it is a command
        return 2
    for name in unknown_variables():
        print(f"ttscope-dashboard: {name} is unknown and ignored", file=sys.stderr)  # noqa: T201 - it is a command
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *flags(settings)]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}  # a crash says where it was
    return os.execve(sys.executable, command, environment)  # noqa: S606 - the command is ours


def flags(settings: Settings) -> list[str]:
    """Returns Streamlit's options as flags, which override its environment variables and configuration files."""
    options = {
        "server.address": settings.host,
        "server.port": str(settings.port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.enableStaticServing": "false",
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "server.maxUploadSize": "1",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": _reached_by(settings),
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "runner.magicEnabled": "false",
        "global.developmentMode": "false",
        "logger.level": "warning",
        "theme.baseRadius": "0.6rem",
        "theme.metricValueFontSize": "1.6rem",
        **_theme(LIGHT),
        **_theme(DARK),
    }
    return [f"--{name}={value}" for name, value in options.items()]


def _reached_by(settings: Settings) -> str:
    """Returns the host that people reach the dashboard by; without one Streamlit asks a service for its address."""
    public = urlsplit(addresses.load().dashboard_url).hostname or "localhost"
    return public if settings.host in WILDCARDS else settings.host


def _theme(theme: Theme) -> dict[str, str]:
    """Returns Streamlit's options for a theme with the colours of the charts; the browser selects light or dark.

    Streamlit's background colour is that of the cards; site.py sets the colour around them.
    """
    own = {
        "primaryColor": theme.accent,
        "backgroundColor": theme.card,
        "secondaryBackgroundColor": theme.page,
        "textColor": theme.text,
        "borderColor": theme.line,
        "greenColor": theme.good,
        "orangeColor": theme.doubtful,
        "redColor": theme.bad,
        "grayColor": theme.grey,
        "blueColor": theme.accent,
        "dataframeBorderColor": theme.line,
        "dataframeHeaderBackgroundColor": theme.card,
    }
    sidebar = {"backgroundColor": theme.card, "borderColor": theme.line}
    return {
        **{f"theme.{theme.name}.{name}": value for name, value in own.items()},
        **{f"theme.{theme.name}.sidebar.{name}": value for name, value in sidebar.items()},
    }
