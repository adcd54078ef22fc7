"""drift/README.md tells the truth: every setting with its default, every column, every command, every file."""

from __future__ import annotations

import re

import pytest

from drift.__main__ import main
from drift.columns.columns import COLUMNS
from drift.docs import render
from drift.settings import Settings, variables
from tests.server_process import ROOT

PAGE = (ROOT / "drift" / "README.md").read_text()


@pytest.mark.parametrize(("variable", "field"), variables().items(), ids=variables())
def test_every_setting_is_explained_with_its_default(variable: str, field: str) -> None:
    [row] = re.findall(rf"^\| `{variable}` \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    default = Settings.model_fields[field].default
    if isinstance(default, int | float) and not isinstance(default, bool):
        assert row[0] == f"`{default}`"
    assert row[1] == Settings.model_fields[field].description


def test_no_setting_is_named_that_is_not_there() -> None:
    assert set(re.findall(r"TTSCOPE_DRIFT_[A-Z_]+[A-Z]", PAGE)) <= variables().keys()


@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_every_column_is_explained(column: str) -> None:
    assert f"| `{column}` |" in PAGE


def test_the_table_of_columns_is_the_generated_one() -> None:
    assert render(PAGE) == PAGE


@pytest.mark.parametrize("command", ["run", "schedule", "calibrate", "report", "backfill", "compare"])
def test_every_command_is_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"python -m drift {command}" in PAGE
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert "exit codes: 0 stable" in capsys.readouterr().out


def test_every_module_that_is_named_is_there() -> None:
    for name in re.findall(r"`([a-z_/]+\.py)`", PAGE):
        assert any((folder / name).exists() for folder in (ROOT, ROOT / "drift")), name
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "drift" / link).exists(), link
