"""The composition root: creates all components with explicit arguments, and starts and stops them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from otel.contract.values import AuditEvent, AuditOutcome, BackgroundTask
from otel.sdk.otlp import sdk_disabled
from otel.sdk.telemetry import Telemetry
from server import VERSION, components
from server.access.audit_entry import AuditEntry, DetailValue
from server.access.exposure import is_loopback, open_keyring
from server.access.keyring import KeyChanges
from server.applications import ENDPOINTS, Applications
from server.lifecycle.background import keep_running
from server.lifecycle.restarts import RestartCounter
from server.logs import LOGGER
from server.native_workers import NativeWorkers
from server.network.agent_check import AgentCheck
from server.network.certificate import server_certificate
from server.network.connections import Connections, possible_connections
from server.network.parsing import LEAST_URL_BYTES
from server.network.ports import Port
from server.network.rejections import Rejections
from server.providers.provider import Provider, RecordingProvider
from server.routes.dialect import TtsDialect
from server.settings import Settings, variables
from server.shared.shared_files import SharedFiles
from server.shared.store_watcher import StoreWatcher
from server.synthesis.admission import Admission
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.fallback.probes import Probes
from server.synthesis.synthesizer import AdmittedChain
from server.telemetry.allow_lists import allow_lists
from server.telemetry.client_names import KeyNames
from server.telemetry.counters import MOST_BEGUN, begin_counters, begin_use
from server.telemetry.degradation import DegradationMonitor
from server.telemetry.gauges import observe_gauges
from server.telemetry.lost_requests import report_lost
from server.telemetry.provider_metrics import ProviderMetrics
from server.telemetry.recent_requests import RecentRequests
from server.telemetry.samplers import GpuSampler, SystemSampler
from server.telemetry.security import AttemptCounter, observe_age, observe_expiry, open_audit_log
from server.telemetry.server_load import ServerLoad
from server.telemetry.summary import Summary
from server.telemetry.summary_answer import describe
from server.text.dictionaries import DICTIONARIES_FOLDER, Dictionaries
from server.utterance import Voice

FLUSH_SECONDS = 10.0
MANAGEMENT_CONNECTIONS = 128
"""The connection limit of the management port, whose few clients keep no connection open for long."""
EVENTS_FOLDER = "events"
"""The folder of the event files, inside the data folder."""

log = logging.getLogger(f"{LOGGER}.app")


class Service:
    """The server: two ports, the providers, and the telemetry. Create it inside a running event loop."""

    def __init__(self, settings: Settings, providers: Sequence[Provider], shared: SharedFiles | None = None) -> None:
        """``providers`` are in the order of the fallback chain; ``shared`` are the files that servers share. Raises
        ExposedError and KeyStoreError."""
        self._settings = settings
        self.keyring = open_keyring(settings, shared)
        """The keys of the server."""
        self._names = KeyNames(lambda: self.keyring.records)
        self._metrics_enabled = settings.metrics_enabled and not sdk_disabled()
        self._gpu = GpuSampler()
        self._telemetry = Telemetry(
            version=VERSION,
            build=settings.build or VERSION,
            allow_lists=allow_lists(providers, self._gpu.names, ENDPOINTS, settings.voice_providers, self._names),
            metrics_enabled=self._metrics_enabled,
            events_folder=settings.data_dir / EVENTS_FOLDER,
        )
        self._summary = Summary()
        self._system = SystemSampler()
        self._restarts = RestartCounter(settings.data_dir)
        names = [provider.name for provider in providers]
        self._degradation = DegradationMonitor(names, settings.reference_latency_seconds)
        self._costs = components.open_costs(settings, self._telemetry, self._gpu)
        self._provider_metrics = ProviderMetrics(self._telemetry.metrics, self._degradation, self._costs)
        self._chain = FallbackChain(providers, self._provider_metrics, settings.voice_providers)
        self._probes = Probes(self._chain.states, self._provider_metrics)
        recordings = (provider.recordings for provider in providers if isinstance(provider, RecordingProvider))
        self._recordings = next(recordings, None)
        self._workers = NativeWorkers(decoding=self._recordings is not None)
        self._admission = Admission(
            settings.max_in_flight,
            settings.max_queue_seconds,
            settings.deadline_seconds,
            lambda: self._chain.rate,
            most_unsent=settings.max_unsent_bytes,
            client_share=settings.max_client_share,
        )
        self._server_load = ServerLoad(
            self._chain, self._admission, self._summary, self._system, shed_seconds=settings.shed_seconds
        )
        self._limiter = components.open_limiter(settings)
        self._prediction = components.open_prediction(settings, self._chain, self._telemetry.metrics)
        admitted = AdmittedChain(self._chain, self._admission, self._prediction.predictor)
        self._cache = components.open_cache(settings, admitted)
        self._synthesizer = components.open_synthesizer(settings, self._cache, admitted, self._telemetry.metrics)
        self._store = None if shared is None else StoreWatcher(shared)
        if self._store is not None:
            self._store.on_change(self._synthesizer.refresh)
        self._journal = components.open_journal(settings)
        self._audit = open_audit_log(settings, self._telemetry.metrics)
        self.keyring.on_change = self._keys_changed
        self._dictionaries = Dictionaries(settings.data_dir / DICTIONARIES_FOLDER, self._dictionary_changed, shared)
        predictor, recent = self._prediction.predictor, RecentRequests()
        self._recorder = components.open_recorder(
            settings,
            self._telemetry,
            self._summary,
            journal=self._journal,
            predictor=predictor,
            costs=self._costs,
            recent=recent,
        )
        self._certificate = server_certificate(settings.tls_certificate, settings.tls_key)
        self._connections = Connections(possible_connections(settings.max_connections))
        self._register_metrics(names)
        self.applications = Applications(
            settings,
            telemetry=self._telemetry,
            recorder=self._recorder,
            recent=recent,
            costs=self._costs,
            admission=self._admission,
            load=self._server_load,
            predictor=predictor,
            limiter=self._limiter,
            synthesizer=self._synthesizer,
            dictionaries=self._dictionaries,
            keyring=self.keyring,
            attempt_recorders=[AttemptCounter(self._telemetry.metrics)],
            audit=self._audit,
            recordings=self._recordings,
            store=self._store,
            describe=self._describe if self._metrics_enabled else None,
        )
        self._api = Port(
            self.applications.api(),
            settings.host,
            settings.port,
            self._connections,
            settings.receive_seconds,
            url_bytes=LEAST_URL_BYTES + settings.max_query_bytes,
            rejections=Rejections(self._recorder.report_unseen, ENDPOINTS),
            certificate=self._certificate,
        )
        self._management = Port(
            self.applications.management(),
            settings.management_host,
            settings.management_port,
            Connections(MANAGEMENT_CONNECTIONS),
            settings.receive_seconds,
            certificate=None if is_loopback(settings.management_host) else self._certificate,
        )
        port = settings.agent_check_port
        self._agent_check = (
            None if port is None else AgentCheck(settings.management_host, port, self._server_load, self._synthesizer)
        )
        self._loading: asyncio.Task[None] | None = None
        self._background: list[asyncio.Task[None]] = []

    def _register_metrics(self, providers: Sequence[str]) -> None:
        """Registers the gauges, and the counters that start at zero; ``providers`` are names."""
        observe_gauges(
            self._telemetry.metrics,
            summary=self._summary,
            provider_metrics=self._provider_metrics,
            degradation=self._degradation,
            system=self._system,
            gpu=self._gpu,
            restarts=self._restarts,
            load=self._server_load,
            admission=self._admission,
            cache=self._cache,
            connections=self._connections,
            certificate=self._certificate,
        )
        observe_expiry(self._telemetry.metrics, lambda: self.keyring.records)
        observe_age(self._telemetry.metrics, None if self._store is None else self._store.files)
        begin_counters(
            self._telemetry.metrics,
            self._voices(),
            providers,
            endpoint=TtsDialect.path,
            clients=self._names.clients.first(MOST_BEGUN),
        )

    @property
    def url(self) -> str:
        """The URL of the API. Raises RuntimeError before ``start``."""
        if self._api.url is None:
            raise RuntimeError("the service has not been started")
        return self._api.url

    @property
    def management_url(self) -> str | None:
        """The URL of the management port; None if metrics are disabled."""
        return self._management.url

    @property
    def agent_check_port(self) -> int | None:
        """The port of the agent check; None without one."""
        return self._agent_check.port if self._agent_check else None

    async def start(self) -> asyncio.Task[None]:
        """Starts listening and loads the voices; returns a task that completes when the server can speak.

        The task raises EngineFailed if the server can't speak. Raises OSError if a port can't be opened.
        """
        await asyncio.to_thread(self._dictionaries.load)
        await asyncio.to_thread(self._limiter.store.load)
        await self._api.listen()
        if self._metrics_enabled:
            await self._management.listen()
        if self._agent_check:
            await self._agent_check.listen()
        names = (variable for variable, name in variables().items() if name in self._settings.model_fields_set)
        self._note(AuditEvent.SERVER_STARTED, settings=tuple(names))
        report_lost(self._journal, self._recorder)  # after listening: two servers with the same port share a folder too
        await asyncio.to_thread(self._restarts.begin)
        tasks: dict[str, Callable[[], Awaitable[None]]] = {
            BackgroundTask.SYSTEM: self._system.run,
            BackgroundTask.GPU: self._gpu.run,
            BackgroundTask.MACHINE: self._costs.account.run,
            BackgroundTask.WATCH: self._degradation.run,
            BackgroundTask.PROBES: self._probes.run,
            BackgroundTask.PREDICTION: self._prediction.run,
            BackgroundTask.DICTIONARIES: self._dictionaries.watch,
            BackgroundTask.KEYS: self.keyring.watch,
            BackgroundTask.USAGE: self._limiter.store.watch,
            BackgroundTask.RECOGNITION: self._synthesizer.sampler.run,
            **({BackgroundTask.CERTIFICATE: self._certificate.watch} if self._certificate else {}),
            **({BackgroundTask.AGENT_CHECK: self._agent_check.run} if self._agent_check else {}),
            **({BackgroundTask.STORE: self._store.watch} if self._store else {}),
        }
        self._background = [
            asyncio.create_task(keep_running(name, run, self._provider_metrics.task_failed))
            for name, run in tasks.items()
        ]
        self._loading = asyncio.create_task(self._load())
        return self._loading

    async def lost(self) -> Exception:
        """Waits until every provider is lost for good, ends synthesis, and returns the error."""
        error = await asyncio.shield(self._provider_metrics.lost_provider)
        self._synthesizer.end()
        return error

    async def stop(self, *, lost: bool = False) -> None:
        """Drains requests in flight, unless the server is ``lost``; flushes telemetry and closes everything."""
        if (delay := self._settings.shutdown_delay_seconds) and not lost:
            self._admission.leave()
            await self._api.leave(delay, self._settings.drain_seconds)
        self._admission.close()
        if not lost:
            await asyncio.to_thread(self._restarts.end)
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if lost else self._settings.drain_seconds):
                await self._admission.drained()
        for port in (self._api, self._management):
            port.close()
            await port.stop()
        for task in (self._loading, *self._background):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._agent_check:
            self._agent_check.close()
        if self._store is not None:
            self._store.close()
        await self._limiter.close()
        await self._synthesizer.stop()
        await self._workers.stop()
        await asyncio.to_thread(self._costs.account.finish)
        self._note(AuditEvent.SERVER_STOPPED)
        await asyncio.to_thread(self._audit.close)
        if not await self._telemetry.shutdown(FLUSH_SECONDS):
            log.warning("telemetry was not flushed: the Collector does not answer")

    async def _load(self) -> None:
        await asyncio.gather(self._workers.start(self._provider_metrics.worker_restarted), self._synthesizer.start())

    def _note(self, event: AuditEvent, subject: str = "", **details: DetailValue) -> None:
        """Writes to the audit log what no request did."""
        self._audit.record(AuditEntry(event=event, outcome=AuditOutcome.OK, subject=subject, details=details))

    def _dictionary_changed(self, name: str) -> None:
        self._note(AuditEvent.DICTIONARY_CHANGED, name)

    def _keys_changed(self, changes: KeyChanges) -> None:
        names = {kind: names for kind, names in asdict(changes).items() if names}
        self._note(AuditEvent.KEYS_READ, **names)
        begin_use(self._telemetry.metrics, self._voices(), changes.added)

    def _voices(self) -> tuple[Voice, ...]:
        return (*self._chain.voices().values(), *self._chain.registered)

    def _describe(self) -> dict[str, Any]:
        """Returns the body of GET /metrics."""
        return describe(
            self._summary,
            self._provider_metrics.load_seconds,
            self._cache,
            self._degradation,
            self._prediction.predictor,
        )
