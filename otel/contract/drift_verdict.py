"""The drift job's verdict on a window, as verdict.json holds it and the live dashboard reads it.

Plain dataclasses, so that the server imports them without msgspec; who reads the file decodes it by their types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class DriftColumn(StrEnum):
    """What the drift job judges; drift/columns says what each column is."""

    WORDS = "words"
    VOICE = "voice"
    LANGUAGE = "language"
    ENDPOINT = "endpoint"
    STREAMED = "streamed"
    SPEED = "speed"
    CACHE = "cache"
    INVALID_REQUESTS = "invalid_requests"
    LATENCY = "latency"
    TIME_TO_FIRST_AUDIO = "time_to_first_audio"
    REAL_TIME_FACTOR = "real_time_factor"
    QUEUE_WAIT = "queue_wait"
    ERRORS = "errors"
    REJECTIONS = "rejections"
    FALLBACKS = "fallbacks"
    PROVIDER = "provider"
    SECONDS_PER_CHARACTER = "seconds_per_character"
    LOUDNESS = "loudness"
    SILENCE_SHARE = "silence_share"
    CLIPPING_SHARE = "clipping_share"
    AUDIO_FAULTS = "audio_faults"
    WORD_ERROR_RATE = "word_error_rate"


class Subject(StrEnum):
    """The subject of a change: callers, the service, or its audio."""

    TRAFFIC = "traffic"
    """What callers ask for."""
    SERVICE = "service"
    """The service's way of answering."""
    AUDIO = "audio"
    """The sound of the audio: the service's doing, or a voice's."""


class VerdictState(StrEnum):
    """What a window is."""

    STABLE = "stable"
    SUSPECTED = "suspected"
    """A column is too far from the reference, but not in enough windows in a row."""
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient_data"
    NO_REFERENCE = "no_reference"
    REFERENCE_INCOMPATIBLE = "reference_incompatible"
    REFERENCE_DAMAGED = "reference_damaged"


DECIDED = frozenset({VerdictState.STABLE, VerdictState.SUSPECTED, VerdictState.DRIFT})
"""The states of windows that could be judged; each of the others says why a window could not be."""


class ProblemKind(StrEnum):
    """What can be wrong with a window's rows without making a verdict impossible."""

    MISSING_COLUMN = "missing_column"
    """The rows do not have the field at all."""
    MISSING_VALUES = "missing_values"
    """Rows to which the column applies have no value."""
    NOT_A_NUMBER = "not_a_number"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    """The value is impossible, as negative seconds or a share beyond 1 are; it is left out."""
    OUTSIDE_WINDOW = "outside_window"
    """The row's time is not in the window; the row is left out."""
    DUPLICATE = "duplicate"
    """A row with the same request and time came before; this one is left out."""
    FEW_VALUES = "few_values"
    """The column has too few values to be judged in this window."""
    NEW_CATEGORY = "new_category"
    """The reference never saw this value."""
    INCOMPARABLE = "incomparable"
    """The reference has nothing like these rows: another voice, another way of answering."""
    UNKNOWN_TO_REFERENCE = "unknown_to_reference"
    """The reference has too few values of this column."""
    CONSTANT = "constant"
    """All values are the same, and in the reference they were not."""
    REFERENCE_VERSION = "reference_version"
    REFERENCE_DAMAGE = "reference_damage"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a reader should know of a window."""

    kind: ProblemKind
    column: str | None
    """A column, a field of the rows, or None for the whole window."""
    count: int
    """The number of rows or values that have it; 1 for what concerns the reference."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a test of one column against an absolute bound."""

    __test__ = False  # pytest would take it for one of its own

    name: str
    column: str
    statistic: str
    ok: bool
    value: float
    bound: float


@dataclass(frozen=True, slots=True)
class Change:
    """What a person would call the change of a column."""

    before: float
    """The usual value, in the column's unit, at equal length where it is judged so; the share of a category."""
    after: float
    ratio: float | None
    """``after`` over ``before``; None where ``before`` is 0 or a ratio says nothing."""
    level: str | None = None
    """The category whose share has changed most, in a column none of whose categories is better than another."""


@dataclass(frozen=True, slots=True)
class RareCount:
    """How often something rare, such as a failed request, occurred in a window."""

    count: int
    """At most what a single window counts for."""
    requests: int
    usual: float
    """The usual share of such requests in the hours of this window."""


@dataclass(frozen=True, slots=True)
class Score:
    """A column's distance from the reference in one window, and what follows from it."""

    column: str
    subject: Subject
    value: float | None
    """The distance from the reference; None where the column was not judged."""
    threshold: float | None
    over: bool
    """Whether the distance reaches the threshold, or one of the column's tests failed."""
    consecutive: int
    """Windows in a row that were over, with this one; one that was not judged neither counts nor ends the row."""
    detected: bool
    """Whether the column was over in enough windows in a row, and by enough."""
    since: datetime | None
    """The start of the first of these windows."""
    method: str | None
    size: int
    """The number of values that the distance was measured on."""
    missing_share: float | None
    change: Change | None = None
    strength: float = 0.0
    """The distance divided by the threshold's ``sure``, averaged over these windows with the last ones weighing most; a
    failed test counts as 1 at least. Hours resemble their neighbours, so two in a row over a threshold are less of a
    surprise than two by themselves; to ask more of both together finds more, at as few false alarms, than a higher
    threshold."""
    recent: tuple[float, ...] = ()
    """The deviations of the last windows from the usual value, the newest last, in standard deviations of the
    reference's windows. Empty for a column that is not judged over several windows."""
    counts: tuple[RareCount, ...] = ()
    """The counts of the last windows of a column whose rate is judged by them, the newest last; else empty."""

    @property
    def ratio(self) -> float | None:
        """The distance in thresholds: from 1 on it is over; None where the column was not judged."""
        return None if self.value is None or not self.threshold else self.value / self.threshold


@dataclass(frozen=True, slots=True)
class Segment:
    """The requests that most of a column's change comes from."""

    column: str
    by: tuple[tuple[str, str], ...]
    """One or two dimensions, each with its value."""
    share: float
    """The segment's share of the change; over 1 where the other requests went the other way."""
    weight: float
    """The segment's share of the requests to which the column applies, 0 to 1."""
    rows: int
    before: float
    """What these requests usually have, at equal length where the column is judged so; the share of a category."""
    after: float

    @property
    def dimension(self) -> str:
        """The dimensions joined by a plus: voice, or voice+word_range."""
        return "+".join(name for name, _ in self.by)

    @property
    def value(self) -> str:
        """The dimensions' values joined by a plus: joe, or joe+26-50."""
        return "+".join(value for _, value in self.by)


@dataclass(frozen=True, slots=True)
class ReferenceHours:
    """The hours of the reference that a window was compared with."""

    hours: str
    """The hours of the week in UTC, as "Mondays to Fridays 02:00-04:00", or "all hours"."""
    reason: str
    """Why these, as the middle of a sentence: the pattern of the past, that it shows none, or that it is too short."""
    windows: int
    """The number of windows of the past in these hours."""
    rows: int


@dataclass(frozen=True, slots=True)
class Context:
    """What a window was compared with, and what is new since then and may explain a change."""

    new_builds: tuple[str, ...] = ()
    new_voice_checksums: tuple[str, ...] = ()
    compared_with: ReferenceHours | None = None
    """The hours of the reference; None without a reference, and in verdicts of earlier versions."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the drift job decided about a window."""

    start: datetime
    end: datetime
    state: VerdictState
    rows: int
    """Requests of the window, those beyond the sample included."""
    reference: str | None
    """The id of the reference that the window was compared with."""
    scores: tuple[Score, ...] = ()
    tests: tuple[TestResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    segments: tuple[Segment, ...] = ()
    context: Context = field(default_factory=Context)

    @property
    def detected(self) -> tuple[Score, ...]:
        """The scores of the columns that have drifted."""
        return tuple(score for score in self.scores if score.detected)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The subjects of the columns that have drifted, each once, in the order of Subject."""
        drifted = {score.subject for score in self.detected}
        return tuple(subject for subject in Subject if subject in drifted)
