"""What `make audit` reads and how it ends, without any service: the lock files, accepted advisories, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.programs import PROGRAMS
from tests.server_process import ROOT
from tools.audit import go_programs
from tools.audit.__main__ import FOUND, NOT_AUDITED, Audit, run
from tools.audit.findings import Finding, NotAuditedError, accepted
from tools.lock_files import lock_files, pins

HASHES = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
LOCK = f"""numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash={HASHES[0]} \\
    --hash={HASHES[1]}
    # via scipy
uvicorn[standard]==0.40.0 \\
    --hash={HASHES[0]}
    # via
    #   ttscope (pyproject.toml)
    #   mlflow
"""
FINDING = Finding("numpy", "2.4.6", frozenset({"PYSEC-2099-1", "CVE-2099-1"}), "2.5", ("requirements.lock",))


def finds(*findings: Finding) -> Audit:
    return lambda: (1, list(findings))


def fails() -> tuple[int, list[Finding]]:
    raise NotAuditedError("nobody answers")


def test_a_lock_file_is_read(tmp_path: Path) -> None:
    lock = tmp_path / "one.lock"
    lock.write_text(LOCK)
    numpy, uvicorn = pins(lock)
    assert (numpy.name, numpy.version, numpy.marker) == ("numpy", "2.4.6", "python_full_version < '3.12'")
    assert (uvicorn.name, uvicorn.version, uvicorn.marker) == ("uvicorn", "0.40.0", "")
    assert (numpy.hashes, uvicorn.hashes) == (HASHES, HASHES[:1])


@pytest.mark.parametrize("line", ["numpy", "numpy>=2 \\", "-e .", f"    --hash={HASHES[0]}", "    --hash=md5:00"])
def test_a_line_that_pins_nothing_is_an_error(line: str, tmp_path: Path) -> None:
    lock = tmp_path / "one.lock"
    lock.write_text(line)
    with pytest.raises(ValueError, match=r"a hash of no package|neither a pin nor a hash"):
        pins(lock)


@pytest.mark.parametrize("lock", lock_files(ROOT), ids=lambda lock: lock.name)
def test_every_pin_has_a_hash(lock: Path) -> None:
    assert pins(lock)
    assert [pin.name for pin in pins(lock) if not pin.hashes] == []


def test_all_locks_and_programs_are_audited() -> None:
    assert set(lock_files(ROOT)) == {*ROOT.glob("*.lock"), *(ROOT / "requirements").glob("*.lock")}
    assert set(go_programs.PROGRAMS) == set(PROGRAMS)


@pytest.mark.parametrize(
    ("audits", "code"),
    [
        ([finds(), finds()], 0),
        ([finds(FINDING), finds()], FOUND),
        ([finds(), fails], NOT_AUDITED),
        ([fails, finds(FINDING)], FOUND),
    ],
)
def test_success_is_having_looked_everywhere_and_found_nothing(audits: list[Audit], code: int) -> None:
    assert run([("one", audit) for audit in audits], {}) == code


def test_a_finding_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    run([("one", finds(FINDING)), ("other", fails)], {})
    errors = capsys.readouterr().err
    assert "VULNERABLE: numpy 2.4.6: CVE-2099-1, PYSEC-2099-1; fixed in 2.5; requirements.lock" in errors
    assert "NOT AUDITED: other: nobody answers" in errors


def test_an_advisory_is_accepted_by_any_of_its_identifiers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.ttscope.audit.accepted]\nCVE-2099-1 = "no such call"\nCVE-2099-9 = "fixed since"\n')
    assert run([("one", finds(FINDING))], accepted(project)) == 0
    assert "CVE-2099-9 is accepted in pyproject.toml, but nothing has it any more" in capsys.readouterr().out


def test_accepted_advisories_have_reasons() -> None:
    assert all(accepted(ROOT / "pyproject.toml").values())
