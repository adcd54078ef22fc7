"""Tests python -m server.keys, and the key that our own programs send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench.clients.api_key
import otel.support.api_key
from server import keys
from server.access.api_key import key_id_of
from server.access.exposure import open_keyring
from server.access.key_database import KEYS_FILE, KeyDatabase
from server.settings import Settings, secret_variables, unknown_variables


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCOPE_DATA_DIR", str(tmp_path))


def run(*arguments: str) -> int:
    return keys.main(arguments)


def test_a_key_is_created_listed_rotated_and_revoked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("create", "app", "--scopes", "speak,voices", "--voices", "joe", "--expires", "90d") == 0
    shown = capsys.readouterr()
    key = shown.out.strip()
    assert key_id_of(key)
    assert "speak,voices" in shown.err
    assert key not in shown.err
    assert run("list", "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["state"], listed["voices"]) == ("app", "valid", ["joe"])
    assert run("rotate", "app", "--grace", "0s") == 0
    new = capsys.readouterr().out.strip()
    ring = open_keyring(Settings(data_dir=tmp_path))
    assert [str(ring.identify(each)[0]) for each in (key, new)] == ["revoked", "ok"]
    assert run("revoke", listed["id"]) == 0
    assert run("list") == 0
    listing = capsys.readouterr().out
    assert "revoked" in listing
    assert key not in listing
    assert new not in listing


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["create", "a b"], "name"),
        (["create", "other"], "name"),
        (["create", "x", "--scopes", "speak,root"], "scopes"),
        (["create", "x", "--tenant", "A"], "tenant"),
        (["create", "x", "--voices", "No Voice"], "voices"),
        (["create", "x", "--requests-per-minute", "-1"], "limits"),
        (["revoke", "nobody"], "no such key"),
        (["rotate", "nobody"], "no such key"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(*arguments) == 1
    assert named in capsys.readouterr().err
    assert not (tmp_path / KEYS_FILE).exists()


def test_an_entry_is_for_a_file_and_stores_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("create", "cluster", "--entry", "--scopes", "speak,observe") == 0
    shown = capsys.readouterr()
    entry, _, _ = shown.err.rpartition("}\n")
    (tmp_path / "keys.json").write_text(f'{{"keys": [{entry}}}]}}')
    ring = open_keyring(Settings(data_dir=tmp_path, keys_file=tmp_path / "keys.json", host="0.0.0.0"))
    assert str(ring.identify(shown.out.strip())[0]) == "ok"
    assert not (tmp_path / KEYS_FILE).exists()


def test_a_container_makes_its_first_key_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "first.key"
    create = ("create", "first", "--if-missing", "--file", str(file))
    for variable, value in (("TTSCOPE_ALLOW_ANONYMOUS", "true"), ("TTSCOPE_KEYS_FILE", "keys.json")):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            assert run(*create) == 0
        assert not file.exists()
    assert run(*create) == 0
    key = file.read_text().strip()
    assert key_id_of(key)
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(*create) == 0
    assert run("revoke", "first") == 0
    assert run(*create) == 0
    assert file.read_text().strip() == key
    assert len(KeyDatabase(tmp_path / KEYS_FILE).read()) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("module", [otel.support.api_key, bench.clients.api_key])
def test_our_programs_take_a_key_from_a_variable_or_a_file(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorization = module.authorization  # type: ignore[attr-defined]
    file = tmp_path / "key"
    file.write_text("ttscope_b\n")
    for variable in ("TTSCOPE_API_KEY", "TTSCOPE_API_KEY_FILE"):
        monkeypatch.delenv(variable, raising=False)
    assert authorization() == {}
    monkeypatch.setenv("TTSCOPE_API_KEY_FILE", str(file))
    assert authorization() == {"Authorization": "Bearer ttscope_b"}
    monkeypatch.setenv("TTSCOPE_API_KEY", "ttscope_a")
    assert authorization() == {"Authorization": "Bearer ttscope_a"}
    assert "TTSCOPE_API_KEY" not in unknown_variables()
    assert "TTSCOPE_API_KEY" in secret_variables()
