"""python -m server.pronunciations: what it writes, what it prints, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.pronunciations import main


def run(folder: Path, *arguments: str) -> int:
    return main(["--data-dir", str(folder), *arguments])


def test_entries_are_added_listed_tested_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "add", "Worcester", "--ipa", "/ˈwʊstə/", "--language", "EN_gb") == 0
    assert run(tmp_path, "add", "nginx", "--say", "wrong") == 0
    assert run(tmp_path, "add", "nginx", "--say", "engine x") == 0
    assert run(tmp_path, "add", "nginx", "--say", "N G", "--case", "--within-words") == 0
    assert run(tmp_path, "list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "Worcester: /wˈʊstə/ (en-gb)",
        "nginx: engine x (every language)",
        "nginx: N G (every language, case, within words)",
    ]
    assert run(tmp_path, "export") == 0
    table = capsys.readouterr().out
    assert table == (tmp_path / "pronunciations" / "added.csv").read_text()
    assert table.splitlines()[1] == "Worcester,,wˈʊstə,en-gb,false,true"
    assert [each.name for each in (tmp_path / "pronunciations").iterdir()] == ["added.csv"]
    assert run(tmp_path, "test", "In Worcester. 5 km", "--language", "en") == 0
    assert capsys.readouterr().out.splitlines() == [
        "In Worcester.",
        "  Worcester: /wˈʊstə/ (dictionary)",
        "  /ɪn wˈʊstə./",
        "5 kilometers",
        "  5 km: 5 kilometers (measure)",
        "  /fˈaɪv kɪlˈɒmɪtəz/",
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("add", "x"), "needs say or ipa"),
        (("add", "...", "--say", "x"), "text: must contain a letter or a digit"),
        (("add", "x", "--ipa", "7"), "ipa: U+0037 is not a symbol"),
        (("test", "..."), "text has nothing to speak"),
        (("test", "a\x01b"), "text has a control character"),
        (("test", "x", "--language", "tlh-x"), "espeak has no voice"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    assert run(tmp_path, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {problem}")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../a.csv", "a.txt", "a/b.csv", ".csv", ""])
def test_a_file_is_one_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "add", "x", "--say", "y", "--file", name)


def test_a_file_with_a_mistake_is_named_and_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pronunciations"
    folder.mkdir()
    (folder / "added.csv").write_text("text,say\nx,\n")
    assert run(tmp_path, "list") == 1
    assert "error: added.csv: line 2: needs say or ipa" in capsys.readouterr().err
    assert run(tmp_path, "add", "x", "--say", "y") == 1
    assert (folder / "added.csv").read_text() == "text,say\nx,\n"
