"""The state folder: the windows judged, the references, and the deliveries due. One job works on it at a time."""

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
"""The version of this folder; rows, references and verdicts have their own versions."""
NAME = "%Y-%m-%dT%H-%M-%SZ"
VERDICT, OUTPUTS, ANNOTATION = "verdict.json", "outputs.json", "annotation.json"
PRIVATE, SERVED = 0o700, 0o755
"""The modes of folders: a web server may show the pages of SERVED ones; rows and references are PRIVATE."""
UNREADABLE = (OSError, msgspec.MsgspecError, UnicodeDecodeError)
"""The errors that reading a file of the folder may raise."""
REMEMBERED = 48
"""The number of previous windows that are relevant to a window."""
PAGE, EVIDENTLY_HTML, EVIDENTLY_JSON = "index.html", "evidently.html", "evidently.json"


class StateError(DriftError):
    """The folder can't be used; the message gives the reason and the remedy."""


class StateBusy(StateError):
    """Another drift job is using the folder."""


class DeliveryRecord(msgspec.Struct, frozen=True):
    """The outputs that a window is due to, and those that have it; stored beside its verdict as outputs.json."""

    due: tuple[str, ...]
    """The names of the outputs."""
    done: dict[str, str] = {}
    """By output, the result of its delivery: a run's id, or just "sent"."""
    transition: str | None = msgspec.field(name="news", default=None)
    """Whether drift begins, changes its columns or ends with the window; None if nothing changes."""

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
    """The result of the last run."""

    clock: ClockReading
    succeeded: bool
    problem: str = ""

    @property
    def time(self) -> datetime:
        return self.clock.time


class StateFolder:
    """The folder; call ``open``, and hold its ``lock`` while changing anything."""

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
        """Opens the folder, and creates it if it does not exist. Raises StateError."""
        state = cls(folder)
        try:
            for path, mode in (
                (folder, SERVED),
                (state.windows, SERVED),
                (state.references, 0o700),
                (state.rows, 0o700),
            ):
                path.mkdir(parents=True, exist_ok=True)
                with suppress(PermissionError):  # another user's folder keeps its mode
                    path.chmod(mode)
            version = folder / "format"
            if not version.exists():
                if state.names():
                    raise StateError(
                        f"{folder} has windows but no file named format: it is no state folder of this job"
                    )
                files.write(version, f"{FORMAT}\n")
            number = version.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise StateError(f"the state folder {folder} can't be used: {_reason(error)}") from None
        if number != str(FORMAT):
            raise StateError(
                f"the state folder {folder} has the format {number[:20]!r}, and this version knows {FORMAT}: "
                "use the version that wrote it, or another folder"
            )
        return state

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the lock, which is also released when the process ends. Raises StateBusy, StateError."""
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
        """Returns the names of the windows that were judged, oldest first."""
        return sorted(path.name for path in self.windows.iterdir() if time_of(path.name) is not None)

    def window(self, name: str) -> Path:
        """Returns the folder of the window ``name``."""
        return self.windows / name

    def verdict(self, name: str) -> Verdict:
        """Returns the verdict on the window ``name``. Raises VerdictDamaged."""
        try:
            return verdict_json.decode((self.window(name) / VERDICT).read_bytes())
        except (OSError, VerdictDamaged) as error:
            raise VerdictDamaged(f"the verdict of {name} can't be read: {_reason(error)}") from None

    def verdicts(self, *, before: datetime | None = None, most: int) -> list[Verdict]:
        """Returns the last ``most`` readable verdicts on windows from before ``before``, oldest first."""
        names = [name for name in self.names() if before is None or name < name_of(before)]
        verdicts: list[Verdict] = []
        for name in reversed(names):
            if len(verdicts) >= most:
                break
            with suppress(VerdictDamaged):  # reading it by name raises; the last window is then judged again
                verdicts.append(self.verdict(name))
        return verdicts[::-1]

    def decided(self) -> Verdict | None:
        """Returns the last of the REMEMBERED verdicts that was decided."""
        return next((v for v in reversed(self.verdicts(most=REMEMBERED)) if v.state in DECIDED), None)

    def judged_until(self) -> datetime | None:
        """Returns the end of the last window that was judged."""
        last = self.verdicts(most=1)
        return last[0].end if last else None

    def keep(self, start: datetime, fill: Callable[[Path], None]) -> None:
        """Publishes the window's folder atomically; from that instant the window counts as judged."""
        files.publish(self.window(name_of(start)), fill)

    def outputs(self, name: str) -> DeliveryRecord:
        """Returns the deliveries of the window; nothing is due if they can't be read."""
        try:
            return msgspec.json.decode((self.window(name) / OUTPUTS).read_bytes(), type=DeliveryRecord)
        except UNREADABLE:
            return DeliveryRecord(())

    def mark(self, name: str, output: str, result: str) -> None:
        """Records that ``output`` has the window, with the delivery's ``result``."""
        record = self.outputs(name)
        files.sweep(self.window(name))  # a process killed here leaves files behind
        write_outputs(self.window(name), structs.replace(record, done={**record.done, output: result}))

    def reference(self) -> Reference | None:
        """Returns the current reference, None before the first. Raises ReferenceDamaged, ReferenceIncompatible."""
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
        """Stores ``reference``, and makes it the current one."""
        files.publish(self.references / reference.id, reference.save)
        files.write(self._current, f"{reference.id}\n")

    def reference_name(self) -> str:
        """Returns the name of the current reference, empty if there is none."""
        with suppress(OSError, ValueError):
            return self._current.read_text(encoding="utf-8").strip()
        return ""

    def last_run(self) -> LastRun | None:
        """Returns the result of the last run; None before the first."""
        try:
            text = self._last_run.read_bytes()
            run = msgspec.json.decode(text, type=_RunEnd)
            return LastRun(msgspec.json.decode(text, type=ClockReading), run.succeeded, run.problem)
        except UNREADABLE:
            return None

    def note_run(self, run: LastRun) -> None:
        """Stores the result of this run."""
        files.write_json(self._last_run, {**asdict(run.clock), "succeeded": run.succeeded, "problem": run.problem})

    def doubted(self) -> ClockReading | None:
        """Returns the reading since which the clock is not trusted; None while it is."""
        try:
            return msgspec.json.decode(self._doubt.read_bytes(), type=ClockReading)
        except UNREADABLE:
            return None

    def doubt(self, reading: ClockReading | None) -> None:
        """Records that the clock is not trusted since ``reading``, or, for None, that it is trusted again."""
        if reading is not None:
            files.write_json(self._doubt, reading)
        else:
            self._doubt.unlink(missing_ok=True)

    def set_aside(self, moment: datetime) -> list[str]:
        """Moves windows that begin after ``moment`` into the folder ``ahead``, and returns their names.

        They were judged while the clock was ahead, without rows that were still to come.
        """
        ahead = [name for name in self.names() if name > name_of(moment)]
        for name in ahead:
            self.drop_reports(name)
            self._ahead.mkdir(exist_ok=True)
            shutil.rmtree(self._ahead / name, ignore_errors=True)
            self.window(name).replace(self._ahead / name)
        return ahead

    def drop_reports(self, name: str) -> None:
        """Removes Evidently's reports of the window, which take most of its bytes."""
        for report in (EVIDENTLY_HTML, EVIDENTLY_JSON):
            (self.window(name) / report).unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Removes the window's folder."""
        files.remove(self.window(name))

    def drop_reference(self, name: str) -> None:
        """Removes a reference that is not the current one."""
        shutil.rmtree(self.references / name, ignore_errors=True)


def write_outputs(folder: Path, record: DeliveryRecord) -> None:
    """Writes ``record`` into the window's ``folder``."""
    files.write_json(folder / OUTPUTS, record)


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Writes ``verdict`` into the window's ``folder``."""
    files.write(folder / VERDICT, verdict_json.encode(verdict))


def name_of(start: datetime) -> str:
    """Returns the name of the window that begins at ``start``; names sort by time."""
    return start.astimezone(UTC).strftime(NAME)


def time_of(name: str) -> datetime | None:
    """Returns the time at which the window ``name`` begins; None if that is not a window's name."""
    try:
        return datetime.strptime(name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
