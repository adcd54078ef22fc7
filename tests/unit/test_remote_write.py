"""The file of long-term stores: what Prometheus is given, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from otel.support.environment import SettingsError, read
from stack.remote_write import CONFIG, configuration, main
from stack.settings import StackSettings, variable

URL = "https://mimir.example.org/api/v1/push"


def written(folder: Path, content: Any) -> str:
    path = folder / "stores.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def test_without_stores_the_configuration_is_the_file_itself() -> None:
    assert configuration("") == CONFIG.read_text()


def test_stores_are_added_and_get_exemplars_and_native_histograms(tmp_path: Path) -> None:
    stores = [{"url": URL, "authorization": {"credentials_file": "token"}}, {"url": URL, "send_exemplars": False}]
    made = yaml.safe_load(configuration(written(tmp_path, stores)))
    added = made.pop("remote_write")
    assert made == yaml.safe_load(CONFIG.read_text())
    assert [(each["send_exemplars"], each["send_native_histograms"]) for each in added] == [(True, True), (False, True)]
    assert added[0]["authorization"] == {"credentials_file": str(tmp_path / "token")}


def test_paths_begin_at_the_files_folder_unless_they_are_absolute(tmp_path: Path) -> None:
    store = {"url": URL, "tls_config": {"ca_file": "/etc/ca.pem", "cert_file": "client.pem", "key_file": "client.key"}}
    (added,) = yaml.safe_load(configuration(written(tmp_path, [store])))["remote_write"]
    expected = {"ca_file": "/etc/ca.pem", "cert_file": tmp_path / "client.pem", "key_file": tmp_path / "client.key"}
    assert added["tls_config"] == {name: str(path) for name, path in expected.items()}


REFUSED = {
    "nothing": ("", "list of stores"),
    "no list": ({"remote_write": []}, "list of stores"),
    "no YAML": ("- [", "can't be read"),
    "no url": ([{"name": "mimir"}], "url must begin"),
    "another scheme": ([{"url": "file:///etc/passwd"}], "url must begin"),
    "a broken url": ([{"url": "https://[::1/write"}], "url must begin"),
    "a password in the url": ([{"url": "https://me:hunter2@example.org"}], "url must hold no credentials"),
    "a token": ([{"url": URL, "authorization": {"credentials": "hunter2"}}], "credentials must not hold a secret"),
    "a password": ([{"url": URL, "basic_auth": {"password": "hunter2"}}], "password must not hold a secret"),
    "a header": ([{"url": URL, "http_headers": {"X-Key": {"secrets": ["hunter2"]}}}], "secrets must not hold a secret"),
    "a second store": ([{"url": URL}, {"url": URL, "bearer_token": "hunter2"}], "store 2: bearer_token"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named_and_no_secret_is_repeated(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, message = REFUSED[name]
    path = written(tmp_path, content)
    assert main([path]) == 2
    monkeypatch.setenv("TTSCOPE_STACK_REMOTE_WRITE", path)
    with pytest.raises(SettingsError, match="TTSCOPE_STACK_REMOTE_WRITE") as refused:
        read(StackSettings, variable)
    for told in (capsys.readouterr().err, str(refused.value)):
        assert message in told
        assert "hunter2" not in told


def test_a_file_that_is_missing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.yml")]) == 2
    assert "can't be read" in capsys.readouterr().err
