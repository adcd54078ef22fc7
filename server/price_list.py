"""The price list: what the machine's time, energy and paid providers cost, and the budgets."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otel.contract.values import BudgetPeriod, Device
from server.errors import ComponentError

HOUR_SECONDS = 3600.0
KWH_JOULES = 3.6e6
MILLION = 1e6
VARIABLE = "TTSCOPE_PRICES_FILE"
"""The variable that names the file."""
MOST_BYTES = 1_000_000
"""The largest file that is read."""

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class PriceListError(ComponentError):
    """The price list can't be used; the message has a line for each error."""


class Budget(BaseModel):
    """What requests may cost in a period; None stands for no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: Limit | None = None
    month: Limit | None = None

    def limits(self) -> dict[BudgetPeriod, float]:
        """Returns the limit of each period that has one."""
        limits = {BudgetPeriod.DAY: self.day, BudgetPeriod.MONTH: self.month}
        return {period: limit for period, limit in limits.items() if limit is not None}


class Budgets(Budget):
    """The budget of all requests together, and those of tenants."""

    tenants: dict[Name, Budget] = {}


class PriceList(BaseModel):
    """Prices in one currency. Every price but that of the cores is 0 unless it is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """The code by ISO 4217."""
    cpu_core_hour: Price
    gpu_hour: Price = 0.0
    energy_kwh: Price = 0.0
    """The price of a kilowatt-hour; 0 where the price of an hour includes it."""
    carbon_grams_per_kwh: Price = 0.0
    watts_per_core: Price = 0.0
    """The power of a core that works."""
    idle_watts_per_core: Price = 0.0
    gpu_watts: Price = 0.0
    """The power of the GPU where NVML does not measure it."""
    million_characters: dict[Name, Price] = {}
    """By provider, what it charges for a million characters."""
    budget: Budgets = Budgets()

    def energy(self, device: Device, seconds: float, watts: float | None = None) -> float:
        """Returns the joules of ``seconds`` of work; ``watts`` is the GPU's measured power."""
        power = self.watts_per_core if device is Device.CPU else self.gpu_watts if watts is None else watts
        return seconds * power

    def time_cost(self, device: Device, seconds: float) -> float:
        """Returns the cost of ``seconds`` of a core, or of the GPU, without energy."""
        return seconds * (self.cpu_core_hour if device is Device.CPU else self.gpu_hour) / HOUR_SECONDS

    def energy_cost(self, joules: float) -> float:
        return joules / KWH_JOULES * self.energy_kwh

    def carbon(self, joules: float) -> float:
        """Returns the grams of carbon dioxide of ``joules``."""
        return joules / KWH_JOULES * self.carbon_grams_per_kwh

    def charge(self, provider: str, characters: int) -> float:
        """Returns what the provider charges for the characters."""
        return characters / MILLION * self.million_characters.get(provider, 0.0)


def load(path: Path) -> PriceList:
    """Reads a price list. Raises PriceListError, which names each field that is wrong and what it may be."""
    try:
        content = path.read_bytes()
        if len(content) > MOST_BYTES:
            raise PriceListError(f"{VARIABLE}: {path}: is larger than {MOST_BYTES} bytes")
        return PriceList.model_validate(tomllib.loads(content.decode("utf-8")))
    except OSError as error:
        raise PriceListError(f"{VARIABLE}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PriceListError(f"{VARIABLE}: {path}: must be UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise PriceListError(f"{VARIABLE}: {path}: must be TOML: {error}") from None
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors(include_input=False)
        )
        raise PriceListError("\n  ".join([f"{VARIABLE}: {path} has values that can't be used:", *problems])) from None
