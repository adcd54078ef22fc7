"""The live dashboard's settings, what it tells Streamlit, and what it has to be installed with."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from dashboards.__main__ import main
from dashboards.live.command import APP, flags
from dashboards.live.settings import Settings, load, unknown_variables, variables
from otel.support.environment import SettingsError
from tests.server_process import ROOT

README = (ROOT / "dashboards" / "README.md").read_text()
WRONG = {
    "DASHBOARD_PORT": "0",
    "TTSCOPE_DASHBOARD_PROMETHEUS_URL": "localhost:9090",
    "TTSCOPE_DASHBOARD_TEMPO_URL": "http://tempo/?a=secret",
    "TTSCOPE_DASHBOARD_REFRESH_SECONDS": "0",
}
IMPORTED = """
import importlib.metadata, sys
import dashboards.live.site, streamlit.web.cli
owners = importlib.metadata.packages_distributions()
tops = {name.partition(".")[0] for name in sys.modules}
print(*{"|".join(owners[top]) for top in tops if top in owners})
"""
OPTIONAL = {"pip", "psutil", "pygments", "rich", "setuptools", "sniffio"}
"""What libraries use where it is there."""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)


def test_the_port_is_8501_on_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load().port, load().host, load().allowed_hosts) == (8501, "127.0.0.1", ())
    monkeypatch.setenv("DASHBOARD_PORT", "9000")
    assert load().port == 9000


def test_all_invalid_settings_are_reported_at_once_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load()
    assert all(f"  {name}: " in str(raised.value) for name in WRONG)
    assert "secret" not in str(raised.value)


def test_the_command_says_so_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASHBOARD_PORT", "many")
    monkeypatch.setattr(sys, "argv", ["dashboards", "live"])
    assert main() == 2
    assert "DASHBOARD_PORT" in capsys.readouterr().err


def test_a_source_can_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load().jaeger_url, load().tempo_url) == ("http://127.0.0.1:16686", "")
    monkeypatch.setenv("TTSCOPE_DASHBOARD_JAEGER_URL", "none")
    monkeypatch.setenv("TTSCOPE_DASHBOARD_PROMETHEUS_URL", "http://prometheus:9090/")
    assert (load().jaeger_url, load().prometheus_url) == ("", "http://prometheus:9090")


def test_a_misspelt_variable_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_DASHBOARD_PROMETHEUS", "x")
    assert unknown_variables() == ["TTSCOPE_DASHBOARD_PROMETHEUS"]


def test_streamlit_sends_no_statistics_listens_on_the_loopback_and_shows_no_stack_traces() -> None:
    options = flags(Settings())
    for flag in (
        "--browser.gatherUsageStats=false",
        "--server.address=127.0.0.1",
        "--client.showErrorDetails=none",
        "--browser.serverAddress=127.0.0.1",
        "--server.fileWatcherType=none",
    ):
        assert flag in options


@pytest.mark.parametrize(("public", "host"), [("", "localhost"), ("https://live.example.org/tts", "live.example.org")])
def test_streamlit_is_told_its_address_where_it_listens_on_all(
    public: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would ask a service on the Internet for it."""
    monkeypatch.setenv("TTSCOPE_PUBLIC_DASHBOARD_URL", public)
    assert f"--browser.serverAddress={host}" in flags(Settings(host="0.0.0.0"))


def test_streamlit_finds_the_application_behind_the_guard() -> None:
    from streamlit.web.server.app_discovery import discover_asgi_app

    found = discover_asgi_app(APP)
    assert (found.is_asgi_app, found.app_name) == (True, "app")


def test_streamlit_finds_no_pages_of_its_own() -> None:
    """Streamlit takes the modules of a folder ``pages`` beside its script for the pages of the site. The first address
    that is opened in a new process would then be reported as not found."""
    assert not (APP.parent / "pages").exists()


def test_streamlit_knows_all_these_options() -> None:
    from streamlit import config

    options = config.get_config_options(force_reparse=False)
    assert {flag.removeprefix("--").partition("=")[0] for flag in flags(Settings())} <= options.keys()


@pytest.mark.parametrize(("variable", "field"), variables().items(), ids=variables())
def test_every_setting_is_explained_with_its_default(variable: str, field: str) -> None:
    [row] = re.findall(rf"^\| `{variable}` \| `(.*?)` \| (.*) \|$", README, re.MULTILINE)
    default = str(Settings.model_fields[field].default).removeprefix(f"{ROOT}/")
    assert row == (default, Settings.model_fields[field].description)


def test_the_extra_has_all_that_the_page_imports() -> None:
    process = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    lock = (ROOT / "requirements" / "dashboards.lock").read_text()
    locked = {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    used = [set(names.lower().replace("_", "-").split("|")) for names in process.stdout.split()]
    assert {"streamlit"} in used
    assert {"plotly"} in used
    assert [names for names in used if not names & (locked | OPTIONAL)] == []
