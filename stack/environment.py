"""The environment of child processes: each gets its own settings, and no secret of another program."""

from __future__ import annotations

import os

from otel.support.addresses import PREFIX as PUBLIC_PREFIX
from otel.support.api_key import KEY_VARIABLE
from stack.settings import DASHBOARD_PORT, PREFIX

CACHE_VARIABLE = "TTSCOPE_CACHE_DIR"
"""The variable for the folder of built programs."""
DRIFT_PREFIX = "TTSCOPE_DRIFT_"
"""The prefix of the drift job's settings."""
PROBE_PREFIX = "TTSCOPE_PROBE_"
"""The prefix of the prober's settings."""
DASHBOARD_PREFIX = "TTSCOPE_DASHBOARD_"
"""The prefix of the live dashboard's settings."""
OWNED = ("TTSCOPE_", "OTEL_", "AWS_", "MLFLOW_", "METRICS_ENABLED", "PROMETHEUS_PORT", DASHBOARD_PORT)
"""Prefixes of variables that only some programs get: the server's secrets are among them."""
SERVER_READS = ("TTSCOPE_", "OTEL_", "AWS_", "METRICS_ENABLED", "PROMETHEUS_PORT")
"""Prefixes of the server's variables; those of AWS are for its shared store."""
NOT_FOR_THE_SERVER = (PREFIX, PUBLIC_PREFIX, DRIFT_PREFIX, DASHBOARD_PREFIX, PROBE_PREFIX, KEY_VARIABLE)
"""Prefixes of variables that the server would report as unknown; the stack also reads CACHE_VARIABLE."""
MLFLOW_CLIENT = ("MLFLOW_TRACKING_",)
"""The prefix of the variables of MLflow's clients: the drift job signs in with them, and MLflow's server has no use for
them."""
WYOMING_PORT = "TTSCOPE_WYOMING_PORT"
WYOMING_HOST = "TTSCOPE_WYOMING_HOST"
STORE_CLIENT = ("AWS_",)
"""The prefix of the variables of an object store's clients, among them the drift job if its events, or its
prediction model, are in one."""


def inherited(reads: tuple[str, ...] = (), withheld: tuple[str, ...] = ()) -> dict[str, str]:
    """Returns the environment of a program: shared variables, and those of OWNED that begin with one of ``reads``.

    Those that begin with one of ``withheld`` are left out of them again.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OWNED)
        or (name.startswith(reads) and not name.startswith((*NOT_FOR_THE_SERVER, *withheld)) and name != CACHE_VARIABLE)
    }


def own_settings(prefix: str) -> dict[str, str]:
    """Returns the variables that begin with ``prefix``."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}


def wyoming_address() -> dict[str, str]:
    """Returns the server's variables for its port of Wyoming's protocol, which listens on the usual port of this
    machine alone unless the operator has set them; an empty TTSCOPE_WYOMING_PORT means none."""
    return {
        WYOMING_PORT: os.environ.get(WYOMING_PORT, "10200"),
        WYOMING_HOST: os.environ.get(WYOMING_HOST) or "127.0.0.1",
    }
