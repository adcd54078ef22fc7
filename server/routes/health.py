"""GET /health, the liveness check, GET /ready, the readiness check, and GET /ready/load, the same with the load."""

from __future__ import annotations

from aiohttp import web

from server.errors import Overloaded, ShuttingDown
from server.prediction.request_predictor import SWITCHED_OFF, RequestPredictor
from server.routes.operations import reads
from server.routes.route import Route
from server.routes.schemas import TEXT, each
from server.synthesis.synthesizer import Synthesizer
from server.telemetry.server_load import ServerLoad

STATUS = each(status=TEXT)


class HealthRoutes:
    """The routes that orchestrators and load balancers probe."""

    def __init__(self, synthesizer: Synthesizer, load: ServerLoad, predictor: RequestPredictor | None = None) -> None:
        self._synthesizer = synthesizer
        self._load = load
        self._predictor = predictor

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/health", self.health, None, reads("Whether the process is alive.", STATUS)),
            Route(
                "GET",
                "/ready",
                self.ready,
                None,
                reads("Whether it can speak: 503 until a voice has spoken, and at its end.", STATUS),
            ),
            Route(
                "GET",
                "/ready/load",
                self.ready_for_load,
                None,
                reads("As /ready, and 503 while a new request would wait for too long: for routers.", STATUS),
            ),
        )

    async def health(self, request: web.Request) -> web.Response:
        """Responds with 200 at once, without waiting for anything. The field ``prediction`` says why the trained model
        does not predict, if there is one."""
        if self._predictor is not None and self._predictor.state in SWITCHED_OFF:
            return web.json_response({"status": "ok", "prediction": self._predictor.state.value})
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Responds with 200 while at least one provider can speak, until the server is told to stop."""
        self._check_ready()
        return web.json_response({"status": "ready"})

    async def ready_for_load(self, request: web.Request) -> web.Response:
        """Responds as ``ready``, and with 503 while the server sheds load.

        It is a path of its own, because an orchestrator that takes unready servers out would take out all of them when
        all are busy.
        """
        self._check_ready()
        if self._load.shedding:
            raise Overloaded("a new request would wait for long", retry_after=self._load.resume_seconds)
        return web.json_response({"status": "ready"})

    def _check_ready(self) -> None:
        """Raises NotReady and ShuttingDown."""
        if self._load.leaving:
            raise ShuttingDown("the server is shutting down")
        self._synthesizer.check_ready()
