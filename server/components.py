"""Parts of the server that are made of its settings alone."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from opentelemetry.context import Context

from otel.contract.event_fields import MACHINE_EVENT
from otel.contract.prediction_metrics import PREDICTION_MODEL
from otel.contract.recognition_values import RecognitionResult
from otel.contract.values import RateLimitReason
from otel.contract.verification_metrics import RECOGNITIONS
from otel.sdk.otlp import fixed_sampling
from otel.sdk.recording import Metrics
from otel.sdk.sampling import TailSampler
from otel.sdk.telemetry import Telemetry
from server import VERSION
from server.access.caller import KeyLimits
from server.access.limiter import Limiter
from server.access.usage import UsageStore
from server.lifecycle.journal import Journal
from server.logs import LOGGER
from server.prediction.model_watcher import ModelWatcher
from server.prediction.request_predictor import RequestPredictor
from server.price_list import load as load_prices
from server.settings import Settings
from server.shared.shared_files import COPIES_FOLDER
from server.synthesis.cache.cache import Cache, Maker
from server.synthesis.cache.shared import SharedTier
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.synthesizer import AdmittedChain, Synthesizer
from server.telemetry.costs import Costs
from server.telemetry.machine_account import MachineAccount
from server.telemetry.recent_requests import RecentRequests
from server.telemetry.recorder import Recorder
from server.telemetry.samplers import GpuSampler, available_cores
from server.telemetry.summary import Summary
from server.verification.clip_sampler import ClipSampler
from server.verification.verifier import Verifier

USAGE_FILE = "usage.json"
"""The file of what keys have used of their quotas, inside the data folder."""
SPARE_SLOTS = 4096
"""Journal slots for requests being read or rejected, in addition to those for requests in synthesis or in the queue."""

HOUR_SECONDS = 3600.0
MODEL_FILE = Path("drift", "prediction", "model.json")
"""The file of the prediction model, inside the data folder, where the drift job writes it by default."""
SHARED_MODEL_FILE = Path(COPIES_FOLDER, "prediction", "model.json")
"""The copy of the prediction model that the drift job has put into the shared store, inside the data folder."""

log = logging.getLogger(f"{LOGGER}.app")


def open_journal(settings: Settings) -> Journal | None:
    """Returns the journal, or None if the data folder has no space for it: the server works without one."""
    try:
        return Journal(settings.data_dir / "journal", settings.max_in_flight + SPARE_SLOTS)
    except OSError as error:
        log.warning("there is no journal of requests in flight", extra={"reason": error.strerror})
        return None


def open_recorder(
    settings: Settings,
    telemetry: Telemetry,
    summary: Summary,
    *,
    journal: Journal | None,
    predictor: RequestPredictor,
    costs: Costs,
    recent: RecentRequests,
) -> Recorder:
    """Returns what records requests."""
    sampler = TailSampler(settings.traces_per_second, fixed=fixed_sampling())
    build = settings.build or VERSION
    return Recorder(telemetry, summary, sampler, build, journal, predictor=predictor, costs=costs, recent=recent)


def _secret(settings: Settings) -> bytes:
    return settings.cache_secret.get_secret_value().encode() or secrets.token_bytes(32)


def open_limiter(settings: Settings) -> Limiter:
    """Returns the limiter of clients."""
    defaults = KeyLimits(**{reason: getattr(settings, reason) for reason in RateLimitReason})
    url, file = settings.redis_url.get_secret_value(), settings.data_dir / USAGE_FILE
    return Limiter(UsageStore(_secret(settings), url, file=file), defaults)


def open_cache(settings: Settings, maker: Maker) -> Cache:
    """Returns the cache of the audio that ``maker`` makes."""
    secret = _secret(settings)
    url = settings.redis_url.get_secret_value()
    tier = SharedTier(url, secret) if url else None
    return Cache(settings.cache_bytes, secret, maker, tier, tenants_share=settings.cache_shared)


def open_prediction(settings: Settings, chain: FallbackChain, metrics: Metrics) -> ModelWatcher:
    """Returns what follows the file of the prediction model, and has the predictor."""

    def checksums() -> dict[str, str]:
        return {name: voice.checksum for name, voice in chain.voices().items()}

    predictor = RequestPredictor(settings.build or VERSION, checksums, HOUR_SECONDS * settings.prediction_hours)
    metrics.observe(PREDICTION_MODEL, predictor.readings)
    names = (SHARED_MODEL_FILE, MODEL_FILE) if settings.shared_store else (MODEL_FILE,)
    paths = [settings.prediction_file] if settings.prediction_file else [settings.data_dir / name for name in names]
    return ModelWatcher(paths, predictor)


def open_costs(settings: Settings, telemetry: Telemetry, gpu: GpuSampler) -> Costs:
    """Returns what prices requests and accounts for the machine's time. Raises PriceListError."""
    prices = None if settings.prices_file is None else load_prices(settings.prices_file)
    _, _, number = settings.device.partition(":")
    name = number or "0"
    account = MachineAccount(
        prices,
        lambda attributes: telemetry.events.emit(attributes, Context(), MACHINE_EVENT),
        cores=settings.threads or available_cores(),
        gpus=int(settings.device != "cpu" and name in gpu.names),
        gpu_watts=lambda: gpu.reading("power_watts", name),
    )
    return Costs(prices, account, telemetry.metrics)


def open_synthesizer(settings: Settings, cache: Cache, admitted: AdmittedChain, metrics: Metrics) -> Synthesizer:
    """Returns what speaks, by the chain and the cache, and what chooses the clips that are recognised."""

    def count(result: RecognitionResult) -> None:
        metrics.add(RECOGNITIONS, 1, result=result)

    return Synthesizer(
        admitted.chain,
        cache,
        admitted.admission,
        settings.deadline_seconds,
        admitted,
        sampler=ClipSampler(settings.recognised_share if settings.metrics_enabled else 0.0, count),
        verifier=Verifier(settings.verify_attempts),
    )
