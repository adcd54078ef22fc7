"""The scripts in tools/ measure what they say: on a few lines of code whose figures are plain to see."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from alerting.__main__ import files as alerting_files
from dashboards.build import FOLDER, README
from dashboards.build import files as dashboard_files
from otel.__main__ import files as telemetry_files
from otel.support.addresses import PublicAddresses
from server.reference import DOCS as SERVER_DOCS
from server.reference import PAGES as SERVER_PAGES
from stack.docs import PAGE as STACK_PAGE
from tests.server_process import ROOT
from tools import additions, house, names, report, seams, trip
from tools.checkout import Module, modules

ROUTE = '''"""The route."""

from server.synthesizer import Request, Synthesizer


class Route:
    """Holds the synthesizer, which no request owns."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer

    def parse(self, body: bytes) -> Request:
        """Of the body, the request."""
        found = body
        return Request(found)
'''
SYNTHESIZER = '''"""The synthesizer."""

from collections.abc import Callable


class Request:
    """What is to be spoken."""

    text: str


class Job:
    """Work for a request."""

    def __init__(self, request: Request, callback: Callable[[Request], None]) -> None: ...


class Pool:
    """Long-lived."""

    def __init__(self, callback: Callable[[Request], None]) -> None: ...


class Synthesizer:
    def speak(self, request, record, *, fresh=False): ...
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "server" / "routes").mkdir(parents=True)
    (tmp_path / "server" / "routes" / "speech.py").write_text(ROUTE)
    (tmp_path / "server" / "synthesizer.py").write_text(SYNTHESIZER)
    return tmp_path


def module(source: str, path: str = "server/a.py") -> Module:
    return Module(PurePosixPath(path), source)


def test_classes_with_one_name_in_two_files_are_shared() -> None:
    measured = [module("class A: ...\nclass B:\n  class _C: ..."), module("class A: ...\nclass _C: ...", "server/b.py")]
    assert names.shared(names.class_names(measured)) == {
        "A": {"server/a.py", "server/b.py"},
        "_C": {"server/a.py", "server/b.py"},
    }
    assert set(names.shared(names.class_names(measured, public=True))) == {"A"}


def test_one_file_may_have_a_name_twice() -> None:
    assert not names.shared(names.class_names([module("class A:\n  class A: ...")]))


def test_file_names_that_python_asks_for_are_left_out() -> None:
    paths = ("drift/__init__.py", "drift/rows/__init__.py", "drift/errors.py", "drift/rows/errors.py")
    assert set(names.shared(names.file_names([module("", path) for path in paths]))) == {"errors"}


@pytest.mark.parametrize("text", ["Of the newest request.", "by what a clip is found.", "(in seconds)", "Whose it is."])
def test_a_tail_begins_in_the_middle_of_a_sentence(text: str) -> None:
    assert names.is_tail(text)


@pytest.mark.parametrize(
    "text", ["The newest request.", "Returns it.", "What a client waits.", "``x`` of y.", "4 of 5."]
)
def test_a_sentence_is_no_tail(text: str) -> None:
    assert not names.is_tail(text)


def test_docstrings_are_those_of_assigned_names_too() -> None:
    source = (
        '"""M."""\nA = 1\n"""A."""\nclass C:\n  """C."""\n  x: int\n  """X."""\n  def f(self):\n    g()\n    "no"\n'
    )
    assert sorted(names.docstrings(module(source))) == ["A.", "C.", "M.", "X."]


def test_bindings_are_counted_once_in_each_scope() -> None:
    source = "def f(a, *, _b):\n  a = 1\n  for c in a: a = c\n  def g(): a = 2\n  self._d = lambda e: e\n"
    assert sorted(names.bindings(module(source))) == ["a", "a", "b", "c", "d", "e", "f", "g"]


def test_the_text_is_carried_by_what_is_made_for_one_request(checkout: Path) -> None:
    corridor = trip.on_the_way(modules(checkout))
    carriers = trip.carriers(corridor)
    assert sorted(carriers) == ["server.synthesizer.Job", "server.synthesizer.Request"]
    assert trip.files(corridor, carriers) == {"server/routes/speech.py", "server/synthesizer.py"}


def test_arguments_of_a_seam_are_counted_without_self(checkout: Path) -> None:
    counts = seams.arguments(modules(checkout))
    assert counts["the route asks the synthesizer"] == ("Synthesizer.speak", 3)
    assert counts["the chain begins an attempt"] is None


def test_a_class_with_a_method_of_its_own_goes_before_a_dataclass_of_its_name() -> None:
    account = module("@dataclass\nclass Attempt:\n  provider: str\n  end: int\n  work: float = 0.0\n", "server/a.py")
    attempt = module("class Attempt:\n  def __init__(self, synthesis, candidate, *, until): ...\n", "server/b.py")
    seam = "the chain begins an attempt"
    assert seams.arguments([account])[seam] == ("Attempt.__init__", 2)
    assert seams.arguments([account, attempt])[seam] == ("Attempt.__init__", 3)


def test_every_measure_has_a_row(checkout: Path) -> None:
    rows = dict(house.rows(modules(checkout)))
    assert rows["files"] == "2"
    assert rows["modules that stand in server/ itself"] == "1"
    assert rows["docstrings without a subject"].startswith("1 of ")
    assert rows["generic names"].startswith("1 of ")


def test_two_checkouts_stand_side_by_side(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(checkout), str(ROOT)], lambda path: [("folder", path.name)]) == 0
    assert f"| folder | {checkout.name} | {ROOT.name} |" in capsys.readouterr().out


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(tmp_path)], lambda path: []) == 2
    assert "is not a checkout" in capsys.readouterr().err


def test_an_addition_touches_what_mentions_it_or_its_name(tmp_path: Path) -> None:
    sources = {
        "otel/metrics.py": 'SIZE = Instrument("tts.size")\nMETRICS = group(SIZE)\n',
        "server/gauges.py": "from otel import metrics\n\nobserve(metrics.SIZE)\n",
        "server/other.py": "SIZE = 3\n",
        "server/meter.py": "class Meter:\n    def read(self):\n        return 'tts_size'\n",
        "server/app.py": "from server.meter import Meter\n",
        "docs/guide.md": "Look at `tts_size`.\n",
        "docs/telemetry.md": "tts_size, generated\n",
        "docs/links.md": "[a page](tts_size.md)\n",
        "tests/test_metrics.py": "from otel.metrics import SIZE\n",
    }
    for path, source in sources.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(source)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    texts = {path: (tmp_path / path).read_text() for path in additions.tracked(tmp_path)}
    example = additions.Example("metric", "tts_size", r"tts[._]size")
    files = additions.touched(example, texts, modules(tmp_path, ("otel", "server", "tests")))
    assert files == [
        "docs/guide.md",
        "otel/metrics.py",
        "server/app.py",
        "server/gauges.py",
        "server/meter.py",
        "tests/test_metrics.py",
    ]


def test_every_generated_file_is_known() -> None:
    addresses = PublicAddresses()
    written = [
        README,
        *alerting_files(addresses),
        *dashboard_files(FOLDER, addresses),
        *telemetry_files(),
        STACK_PAGE,
        *(SERVER_DOCS / page for page in SERVER_PAGES),
    ]
    hand_written = set(additions.tracked(ROOT))
    assert not hand_written & {str(path.relative_to(ROOT)) for path in written}


@pytest.mark.parametrize("example", additions.EXAMPLES, ids=lambda example: example.kind)
def test_every_example_is_there(example: additions.Example) -> None:
    texts = {path: text for path in additions.tracked(ROOT) if (text := additions.text_of(ROOT / path)) is not None}
    assert additions.touched(example, texts, [])
