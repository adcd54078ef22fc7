"""The state folder: what has been judged, what with, and what is still to be told. One job at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import structs

from drift import files
from drift.errors import DriftError, ReferenceDamaged, VerdictDamaged
from drift.reference.reference import Reference
from drift.reference.reference import load as load_reference
from drift.state.clock import ClockReading
from drift.verdict import verdict_json
from otel.contract.drift_verdict import DECIDED, Verdict

FORMAT = 1
"""Of this folder; rows, references and verdicts have versions of their own."""
NAME = "%Y-%m-%dT%H-%M-%SZ"
VERDICT, OUTPUTS, ANNOTATION = "verdict.json", "outputs.json", "annotation.json"
PRIVATE, SERVED = 0o700, 0o755
"""Modes: SERVED is of folders whose pages a web server may show; rows and references are PRIVATE."""
UNREADABLE = (OSError, msgspec.MsgspecError, UnicodeDecodeError)
"""What reading a file of the folder may raise."""
REMEMBERED = 48
"""Windows before one that still say something about it."""
PAGE, EVIDENTLY_HTML, EVIDENTLY_JSON = "index.html", "evidently.html", "evidently.json"


class StateError(DriftError):
    """The folder can't be used; the message says why and what to do."""


class StateBusy(StateError):
    """Another drift job works on it."""


class DeliveryRecord(msgspec.Struct, frozen=True):
    """The outputs that a window is due to, and those that have it; kept beside its verdict as outputs.json."""

    due: tuple[str, ...]
    """Names of outputs."""
    done: dict[str, str] = {}
    """By output, what came of it: a run's id, or just "sent"."""
    transition: str | None = msgspec.field(name="news", default=None)
    """Whether drift begins, changes its columns or ends with the window; None if all is as it was."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The outputs that do not have the window yet."""
        return tuple(name for name in self.due if name not in self.done)


class _RunEnd(msgspec.Struct):
    """The part of last_run.json that is not the clock."""

    succeeded: bool
    problem: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the last run ended."""

    clock: ClockReading
    succeeded: bool
    problem: str = ""

    @property
    def time(self) -> datetime:
        return self.clock.time


class StateFolder:
    """One folder; ``open`` it, and hold its ``lock`` while changing anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = folder / "rows"
        self.windows = folder / "windows"
        self.references = folder / "references"
        self._current = folder / "reference"
        self._last_run = folder / "last_run.json"
        self._doubt = folder / "clock.json"
        self._ahead = folder / "ahead"

    @classmethod
    def open(cls, folder: Path) -> StateFolder:
        """Makes the folder if it is not there. Raises StateError."""
        state = cls(folder)
        try:
            for path, mode in (
                (folder, SERVED),
                (state.windows, SERVED),
                (state.references, 0o700),
                (state.rows, 0o700),
            ):
                path.mkdir(parents=True, exist_ok=True)
                with suppress(PermissionError):  # it is another user's, who has made it as they like
                    path.chmod(mode)
            version = folder / "format"
            if not version.exists():
                if state.names():
                    raise StateError(
                        f"{folder} has windows but no file named format: it is no state folder of this job"
                    )
                files.write(version, f"{FORMAT}\n")
            found = version.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise StateError(f"the state folder {folder} can't be used: {_reason(error)}") from None
        if found != str(FORMAT):
            raise StateError(
                f"the state folder {folder} has the format {found[:20]!r}, and this version knows {FORMAT}: "
                "use the version that wrote it, or another folder"
            )
        return state

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by the process, and let go whenever it ends. Raises StateBusy, StateError."""
        try:
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StateError(f"the state folder {self.folder} can't be used: {_reason(error)}") from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StateBusy(f"another drift job works on {self.folder}; it must end first") from None
            for folder in (self.folder, self.windows, self.references):
                files.sweep(folder)
            yield
        finally:
            os.close(handle)

    def names(self) -> list[str]:
        """The windows that were judged, oldest first."""
        return sorted(path.name for path in self.windows.iterdir() if time_of(path.name) is not None)

    def window(self, name: str) -> Path:
        """The folder of the window ``name``."""
        return self.windows / name

    def verdict(self, name: str) -> Verdict:
        """Raises VerdictDamaged."""
        try:
            return verdict_json.decode((self.window(name) / VERDICT).read_bytes())
        except (OSError, VerdictDamaged) as error:
            raise VerdictDamaged(f"the verdict of {name} can't be read: {_reason(error)}") from None

    def verdicts(self, *, before: datetime | None = None, most: int) -> list[Verdict]:
        """The last ``most`` that can be read, oldest first; only of windows that began before ``before``."""
        names = [name for name in self.names() if before is None or name < name_of(before)]
        found: list[Verdict] = []
        for name in reversed(names):
            if len(found) >= most:
                break
            with suppress(VerdictDamaged):  # who reads it by its name is told; it is judged anew if it was the last
                found.append(self.verdict(name))
        return found[::-1]

    def decided(self) -> Verdict | None:
        """The last of the windows in memory of which anything could be decided."""
        return next((v for v in reversed(self.verdicts(most=REMEMBERED)) if v.state in DECIDED), None)

    def judged_until(self) -> datetime | None:
        """The end of the last window that was judged."""
        last = self.verdicts(most=1)
        return last[0].end if last else None

    def keep(self, start: datetime, fill: Callable[[Path], None]) -> None:
        """The window's folder, whole or not at all: from that instant on the window counts as judged."""
        files.publish(self.window(name_of(start)), fill)

    def outputs(self, name: str) -> DeliveryRecord:
        """What is to be told of the window; nothing, if that can't be read any more."""
        try:
            return msgspec.json.decode((self.window(name) / OUTPUTS).read_bytes(), type=DeliveryRecord)
        except UNREADABLE:
            return DeliveryRecord(())

    def mark(self, name: str, output: str, result: str) -> None:
        """``output`` has told of the window."""
        record = self.outputs(name)
        files.sweep(self.window(name))  # of a kill in the middle of this
        write_outputs(self.window(name), structs.replace(record, done={**record.done, output: result}))

    def reference(self) -> Reference | None:
        """The current one, None if none was made. Raises ReferenceDamaged, ReferenceIncompatible."""
        try:
            name = self._current.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ReferenceDamaged(f"the name of the reference can't be read: {_reason(error)}") from None
        if not name or Path(name).name != name:
            raise ReferenceDamaged(f"{self._current} does not name a reference")
        return load_reference(self.references / name)

    def use(self, reference: Reference) -> None:
        """Keeps ``reference`` and makes it the current one."""
        files.publish(self.references / reference.id, reference.save)
        files.write(self._current, f"{reference.id}\n")

    def reference_name(self) -> str:
        """Of the current one, empty if there is none."""
        with suppress(OSError, ValueError):
            return self._current.read_text(encoding="utf-8").strip()
        return ""

    def last_run(self) -> LastRun | None:
        """None before the first."""
        try:
            text = self._last_run.read_bytes()
            run = msgspec.json.decode(text, type=_RunEnd)
            return LastRun(msgspec.json.decode(text, type=ClockReading), run.succeeded, run.problem)
        except UNREADABLE:
            return None

    def note_run(self, run: LastRun) -> None:
        """How this one ended."""
        files.write_json(self._last_run, {**asdict(run.clock), "succeeded": run.succeeded, "problem": run.problem})

    def doubted(self) -> ClockReading | None:
        """The reading since which the clock is not believed; None while it is."""
        try:
            return msgspec.json.decode(self._doubt.read_bytes(), type=ClockReading)
        except UNREADABLE:
            return None

    def doubt(self, reading: ClockReading | None) -> None:
        """The clock is not believed since ``reading``, or is believed again."""
        if reading is not None:
            files.write_json(self._doubt, reading)
        else:
            self._doubt.unlink(missing_ok=True)

    def set_aside(self, moment: datetime) -> list[str]:
        """Moves windows that begin after ``moment`` into the folder ``ahead``; their names.

        They were judged when the clock was ahead, without what was still to come.
        """
        ahead = [name for name in self.names() if name > name_of(moment)]
        for name in ahead:
            self.drop_reports(name)
            self._ahead.mkdir(exist_ok=True)
            shutil.rmtree(self._ahead / name, ignore_errors=True)
            self.window(name).replace(self._ahead / name)
        return ahead

    def drop_reports(self, name: str) -> None:
        """Evidently's reports of the window, which are most of its bytes."""
        for report in (EVIDENTLY_HTML, EVIDENTLY_JSON):
            (self.window(name) / report).unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """The window, verdict and all."""
        files.remove(self.window(name))

    def drop_reference(self, name: str) -> None:
        """A reference that is not the current one."""
        shutil.rmtree(self.references / name, ignore_errors=True)


def write_outputs(folder: Path, record: DeliveryRecord) -> None:
    """Writes ``record`` into the window's ``folder``."""
    files.write_json(folder / OUTPUTS, record)


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Writes ``verdict`` into the window's ``folder``."""
    files.write(folder / VERDICT, verdict_json.encode(verdict))


def name_of(start: datetime) -> str:
    """The name of the window that begins at ``start``: in the order of names windows are in the order of time."""
    return start.astimezone(UTC).strftime(NAME)


def time_of(name: str) -> datetime | None:
    """When the window ``name`` begins; None if that is no window's name."""
    try:
        return datetime.strptime(name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
