"""The applications of both ports: their routes, and the middlewares that every request passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from otel.sdk.http import http_middleware
from otel.sdk.telemetry import Telemetry
from server.access.audit_log import AuditLog
from server.access.caller import ANONYMOUS, Scope
from server.access.clients import Clients
from server.access.exposure import is_loopback
from server.access.failed_attempts import FailedAttempts
from server.access.keyring import Keyring
from server.access.limiter import Limiter
from server.middleware.audited_changes import AuditedChanges
from server.middleware.audited_requests import AuditedRequests
from server.middleware.authentication import AttemptRecorder, Authentication
from server.middleware.client_limits import ClientLimits, decorate_limits
from server.middleware.departure import Departure
from server.middleware.envelope import decorate
from server.middleware.expectation import invite_body
from server.middleware.gate import Gate
from server.middleware.hosts import AllowedHosts
from server.middleware.load_reports import LoadReports
from server.middleware.origins import PAGES, Origins
from server.middleware.strict_transport import StrictTransport
from server.prediction.request_predictor import RequestPredictor
from server.routes import console, coqui_api, piper_api
from server.routes.delivery import SendLimits
from server.routes.dialect import Dialect, TtsDialect
from server.routes.dry_run import DryRun
from server.routes.health import HealthRoutes
from server.routes.key_administration import KeyAdministrationRoutes
from server.routes.metrics import PrometheusRoute, SummaryRoute
from server.routes.openai_api import OpenAiDialect
from server.routes.openapi import DescriptionRoutes
from server.routes.playback import PlaybackRoute
from server.routes.pronunciation_administration import PronunciationAdministrationRoutes
from server.routes.route import Route, changes, error_formats, limited, scopes
from server.routes.speech import SpeechRoute
from server.routes.text_reading import TextReadingRoute
from server.routes.traces import TraceRoutes
from server.routes.utterances import UtteranceParser
from server.routes.voice_lists import VoiceListRoutes
from server.routes.voice_registration import VoiceRegistrationRoutes
from server.settings import Settings
from server.shared.store_watcher import StoreWatcher
from server.streaming import cartesia, cartesia_http, deepgram, elevenlabs, elevenlabs_http, vllm_omni, wyoming_port
from server.streaming.cartesia_voices import CartesiaVoiceRoutes
from server.streaming.deepgram_http import DeepgramDialect
from server.streaming.elevenlabs_lists import ElevenLabsListRoutes
from server.streaming.sessions import Sessions
from server.streaming.socket_route import SocketRoute
from server.streaming.utterance_synthesizer import UtteranceSynthesizer
from server.streaming.wyoming_port import WyomingPort
from server.synthesis.admission import Admission
from server.synthesis.synthesizer import Synthesizer
from server.telemetry.costs import Costs
from server.telemetry.playback_recorder import PlaybackRecorder
from server.telemetry.recent_requests import RecentRequests
from server.telemetry.recorder import Recorder
from server.telemetry.server_load import ServerLoad
from server.text.dictionaries import Dictionaries
from server.voices.aliases import VoiceAliases
from server.voices.tenant_recordings import TenantRecordings

DIALECTS: tuple[Dialect, ...] = (
    TtsDialect(),
    OpenAiDialect(),
    coqui_api.TTS_DIALECT,
    coqui_api.PROCESS_DIALECT,
    *map(piper_api.PiperDialect, piper_api.PATHS),
    *map(DeepgramDialect, deepgram.PATHS),
    *cartesia_http.DIALECTS,
    *elevenlabs_http.DIALECTS,
)
"""The dialects of speech requests. Each of these requests has a record; those of other routes have none."""
SPEECH_PATHS = frozenset(dialect.path for dialect in DIALECTS)
SOCKET_FORMATS = (deepgram, cartesia, elevenlabs, vllm_omni)
"""The modules of the formats of sockets."""
SOCKET_PATHS = frozenset((*deepgram.PATHS, *cartesia.PATHS, *elevenlabs.SOCKET_PATHS, *vllm_omni.PATHS))
"""The paths of the sockets that speak; each of their utterances has a record."""
ENDPOINTS = SPEECH_PATHS | SOCKET_PATHS | {wyoming_port.ENDPOINT}
"""The values of the label ``endpoint``."""


class Applications:
    """Builds the application of each port. A request passes the gate first, then the checks in their order: cheap ones
    first, and none reads a body."""

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry,
        recorder: Recorder,
        recent: RecentRequests,
        costs: Costs,
        admission: Admission,
        load: ServerLoad,
        predictor: RequestPredictor,
        limiter: Limiter,
        synthesizer: Synthesizer,
        dictionaries: Dictionaries,
        keyring: Keyring,
        audit: AuditLog,
        attempt_recorders: Sequence[AttemptRecorder] = (),
        recordings: TenantRecordings | None,
        store: StoreWatcher | None = None,
        describe: Callable[[], dict[str, Any]] | None,
    ) -> None:
        """``recordings`` is None if no provider registers voices, and ``store`` if servers share no files; ``describe``
        returns the body of GET /metrics, and is None if metrics are disabled."""
        self._settings = settings
        self._telemetry = telemetry
        self._recorder = recorder
        self._recent = recent
        self._costs = costs
        self._admission = admission
        self._load = load
        self._limiter = limiter
        self._synthesizer = synthesizer
        self._aliases = VoiceAliases(settings.aliases, settings.default_voice, lambda: synthesizer.installed)
        synthesizer.on_start(self._aliases.report)
        self._dictionaries = dictionaries
        self._keyring = keyring
        self._audit = audit
        self._attempt_recorders = attempt_recorders
        self._failures = FailedAttempts()
        self._recordings = recordings
        self._store = store
        self._describe = describe
        self._clients = Clients(settings.trusted_proxies, settings.forwarded_header)
        self._prometheus = PrometheusRoute(telemetry.exposition)
        self._health = HealthRoutes(synthesizer, load, predictor)
        self._utterances = UtteranceParser(settings, synthesizer, dictionaries, store, self._aliases)
        self._speaker = UtteranceSynthesizer(
            synthesizer,
            self._utterances,
            admission,
            recorder=recorder,
            tracer=telemetry.tracer,
            metrics=telemetry.metrics,
            limiter=limiter,
            limits=SendLimits(settings.send_seconds, settings.min_send_rate),
        )
        self._sessions = Sessions(
            settings.max_sockets,
            settings.max_client_share,
            admission,
            telemetry.metrics,
            (*SOCKET_PATHS, wyoming_port.ENDPOINT),
        )
        self.wyoming = WyomingPort(
            settings,
            keyring,
            synthesizer=synthesizer,
            speaker=self._speaker,
            sessions=self._sessions,
            tracer=telemetry.tracer,
        )
        """The port for Wyoming's protocol, which listens with the API if the settings say so."""

    def api(self) -> web.Application:
        """Returns the application of the API."""
        settings, routes = self._settings, self.api_routes()
        origins = Origins(settings.allowed_origins, PAGES)
        middlewares = (
            http_middleware(self._telemetry),
            origins.preflight,
            Gate(self._recorder, self._admission, SPEECH_PATHS, SOCKET_PATHS, error_formats(routes)),
            AllowedHosts(settings.host, settings.allowed_hosts),
            origins,
            *self._audited_requests(),
            self._authentication(routes, settings.host),
            ClientLimits(self._limiter, self._clients, self._telemetry.metrics, limited(routes), SOCKET_PATHS),
            AuditedChanges(self._audit, self._clients, changes(routes)),
            invite_body,
        )
        application = _application(routes, middlewares, settings.max_body_bytes)
        if settings.wyoming_port is not None:
            application.cleanup_ctx.append(self.wyoming.lifetime)
        strict_transport = StrictTransport(settings.hsts_seconds, self._clients.trusts)
        departure = Departure(self._admission)
        load_reports = LoadReports(settings.load_reports, self._load, self._clients.trusts)
        application.on_response_prepare.extend(
            (strict_transport.decorate, origins.decorate, departure.decorate, load_reports.decorate)
        )
        return application

    def management(self) -> web.Application:
        """Returns the application of the management port, which responds even if all API connections are in use.

        On the loopback, metrics need no key, so that Prometheus on the same machine needs none.
        """
        settings, routes = self._settings, self.management_routes()
        public = [Scope.OBSERVE] if is_loopback(settings.management_host) else []
        middlewares = (
            Gate(self._recorder, self._admission),
            AllowedHosts(settings.management_host, settings.allowed_hosts),
            Origins(),
            *self._audited_requests(),
            self._authentication(routes, settings.management_host, public),
            AuditedChanges(self._audit, self._clients, changes(routes)),
            invite_body,
        )
        return _application(routes, middlewares, settings.max_body_bytes)

    def api_routes(self) -> tuple[Route, ...]:
        """Returns the routes of the API, in the order of the API description."""
        settings, synthesizer, clients = self._settings, self._synthesizer, self._clients
        recordings = VoiceRegistrationRoutes(
            self._recordings, synthesizer, clients, settings.receive_seconds, self._store, aliases=settings.aliases
        )
        utterances, dry_run = self._utterances, DryRun(synthesizer, self._costs)
        reading = TextReadingRoute(utterances, synthesizer, clients, settings.receive_seconds)
        started = int(time.time())
        voices = VoiceListRoutes(synthesizer, self._aliases, started)
        routes = (
            *self._socket_routes(),
            *(
                route
                for dialect in DIALECTS
                for route in dialect.routes(
                    SpeechRoute(settings, synthesizer, clients, utterances, dialect, dry_run=dry_run)
                )
            ),
            *reading.routes(),
            *PlaybackRoute(self._recent, PlaybackRecorder(self._telemetry), settings.receive_seconds).routes(),
            *recordings.routes(),
            *voices.routes(),
            *ElevenLabsListRoutes(synthesizer, settings.max_text_characters).routes(),
            *self._health.routes(),
            *SummaryRoute(self._describe).routes(),
            *TraceRoutes(self._telemetry.traces).routes(),
            *self._prometheus.routes(),
            *coqui_api.CoquiRoutes(synthesizer).routes(),
            *CartesiaVoiceRoutes(synthesizer, started).routes(),
            *piper_api.PiperRoutes(synthesizer, settings.default_voice).routes(),
        )
        description = DescriptionRoutes(
            synthesizer,
            self._aliases,
            settings.max_text_characters,
            routes,
            registration=self._recordings is not None,
        )
        return (*routes, *description.routes(), *console.ROUTES)

    def _socket_routes(self) -> Iterator[Route]:
        """Yields the routes of the sockets that speak."""
        settings = self._settings
        for form in (form for each in SOCKET_FORMATS for form in each.formats(settings)):
            yield from SocketRoute(form, settings, self._sessions, self._speaker, self._clients).routes()

    def management_routes(self) -> tuple[Route, ...]:
        """Returns the routes of the management port."""
        return (
            *self._prometheus.routes("/metrics", "/prometheus"),
            *self._health.routes(),
            *KeyAdministrationRoutes(self._keyring, self._settings.receive_seconds).routes(),
            *PronunciationAdministrationRoutes(self._dictionaries, self._settings.receive_seconds).routes(),
        )

    def _audited_requests(self) -> tuple[AuditedRequests, ...]:
        """Returns the middleware that writes requests to the audit log; none if the operator wants changes alone."""
        chosen = self._settings.audit_requests
        speaking = SPEECH_PATHS | SOCKET_PATHS if chosen == "all" else ()
        return () if chosen == "off" else (AuditedRequests(self._audit, self._clients, speaking),)

    def _authentication(self, routes: Iterable[Route], host: str, public: Iterable[Scope] = ()) -> Authentication:
        """Returns the check of keys for a port on ``host``, where only this machine may manage keys without a key."""
        nobody = replace(ANONYMOUS, scopes=ANONYMOUS.scopes - {Scope.ADMIN})
        return Authentication(
            self._keyring,
            self._clients,
            scopes(routes),
            self._failures,
            public=public,
            anonymous=ANONYMOUS if is_loopback(host) else nobody,
            recorders=self._attempt_recorders,
            query_keys=self._settings.query_keys,
        )


def _application(routes: Iterable[Route], middlewares: Iterable[Any], max_body_bytes: int) -> web.Application:
    application = web.Application(middlewares=tuple(middlewares), client_max_size=max_body_bytes)
    application.on_response_prepare.extend((decorate, decorate_limits))
    application.add_routes(route.definition() for route in routes)
    return application
