"""The programs of the pipeline and their Go packages; versions are pinned in programs/NAME/go.mod."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stack.settings import StackSettings

SOURCES = Path(__file__).parent / "programs"
CGO = "0"
FLAGS = ("-mod=readonly", "-trimpath")
"""The first builds exactly what go.mod and go.sum pin; the second leaves paths of this machine out."""


@dataclass(frozen=True, slots=True)
class Program:
    """A Go module of this project and the commands that it builds."""

    name: str
    packages: tuple[str, ...]
    binaries: tuple[str, ...]
    minutes: int
    """The minutes of a build with nothing cached on two cores, shown as an estimate."""
    tags: str = ""
    variable: str = ""
    """A variable that the linker sets (NAME=VALUE): the version of a program that does not read its module for it."""

    @property
    def folder(self) -> Path:
        return SOURCES / self.name

    @property
    def flags(self) -> tuple[str, ...]:
        linker = f"-ldflags=-s -w -X {self.variable}" if self.variable else "-ldflags=-s -w"
        return (*FLAGS, linker, *([f"-tags={self.tags}"] if self.tags else []))


COLLECTOR = Program("collector", (".",), ("collector",), 2)
PROMETHEUS = Program(
    "prometheus",
    ("github.com/prometheus/prometheus/cmd/prometheus", "github.com/prometheus/prometheus/cmd/promtool"),
    ("prometheus", "promtool"),
    3,
    tags="remove_all_sd,netgo",  # discovery through clouds is half of it; files and fixed targets stay
)
JAEGER = Program("jaeger", ("github.com/jaegertracing/jaeger/cmd/jaeger",), ("jaeger",), 5)
ALERTMANAGER = Program(
    "alertmanager",
    ("github.com/prometheus/alertmanager/cmd/alertmanager", "github.com/prometheus/alertmanager/cmd/amtool"),
    ("alertmanager", "amtool"),
    2,
)

PROGRAMS = {program.name: program for program in (ALERTMANAGER, PROMETHEUS, COLLECTOR, JAEGER)}
GOVULNCHECK = Program("govulncheck", ("golang.org/x/vuln/cmd/govulncheck",), ("govulncheck",), 1)
"""Reads the others' known vulnerabilities, for `make audit`; no part of the pipeline."""


def needed(settings: StackSettings) -> tuple[Program, ...]:
    """Returns the programs that the stack has to build: all, but Jaeger only where no Tempo is found."""
    return tuple(program for program in PROGRAMS.values() if program is not JAEGER or settings.trace_store == "jaeger")
