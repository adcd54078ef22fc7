"""Reports the server's load to routers, in the responses to speech requests (ORCA)."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import hdrs, web

from otel.contract.values import Device
from server.access.caller import CALLER, Scope
from server.load_settings import LoadReportMode
from server.middleware.envelope import RECORD, TRAILER
from server.middleware.orca import FORMAT_HEADER, HEADER, ORCA_FORMATS, OrcaFormat, OrcaReport
from server.record import RequestRecord
from server.telemetry.server_load import ServerLoad


class LoadReports:
    """Adds the header to responses, and the trailer to streams whose client takes trailers.

    A report tells how busy the server is, for all clients together. So it goes only to trusted proxies, and to those
    who may read the metrics.
    """

    def __init__(self, mode: LoadReportMode, load: ServerLoad, trusts: Callable[[str], bool]) -> None:
        """``trusts`` returns whether an address is that of a trusted proxy."""
        self._mode = mode
        self._load = load
        self._trusts = trusts

    async def decorate(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Adds the header; aiohttp sends this signal before the first byte of a response."""
        record = request.get(RECORD)
        orca_format = self._format(request)
        if record is None or orca_format is None:
            return
        response.headers[HEADER] = self._report(record).header(orca_format)
        if response.headers.get(hdrs.TRANSFER_ENCODING) == "chunked" and _takes_trailers(request):
            response.headers[hdrs.TRAILER] = HEADER
            request[TRAILER] = lambda: (HEADER, self._report(record).header(orca_format))

    def _format(self, request: web.BaseRequest) -> OrcaFormat | None:
        """Returns the form of the report, or None if the response has none."""
        if self._mode == "off":
            return None
        name = request.headers.get(FORMAT_HEADER, "TEXT" if self._mode == "always" else "").upper()
        return next((known for known in ORCA_FORMATS if known == name), None) if self._may_read(request) else None

    def _may_read(self, request: web.BaseRequest) -> bool:
        """Returns whether the report may go to the sender; not to one that was refused before its key was checked."""
        caller = request.get(CALLER)
        return self._trusts(request.remote or "") or (caller is not None and caller.may(Scope.OBSERVE))

    def _report(self, record: RequestRecord) -> OrcaReport:
        figures = self._load.figures()
        return OrcaReport(
            application_utilization=figures.utilization,
            cpu_utilization=figures.cpu_utilization,
            rps_fractional=figures.requests_per_second,
            eps=figures.failures_per_second,
            named_metrics=figures.named,
            request_cost={
                "work_seconds": sum(map(record.work_seconds, Device)),
                "audio_seconds": record.audio_seconds,
            },
        )


def _takes_trailers(request: web.BaseRequest) -> bool:
    """Returns whether the client accepts trailers (RFC 9110, 10.1.4)."""
    fields = ",".join(request.headers.getall(hdrs.TE, ()))
    return "trailers" in (field.strip().lower() for field in fields.split(","))
