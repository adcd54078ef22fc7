"""The middleware of every request: assigns the id, turns errors into responses, and records speech requests."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from opentelemetry.trace import format_trace_id, get_current_span

from otel.contract.values import Outcome
from server.errors import SpeechError
from server.middleware.endpoints import Endpoints
from server.middleware.envelope import (
    FAILURE_SENT,
    RECORD,
    REQUEST_ID,
    RESPONSE,
    TRACE_ID,
    ErrorFormat,
    error_response,
    request_id,
    translate,
)
from server.middleware.matched_route import route_path
from server.middleware.outcomes import finish_failed, mistake
from server.record import CLIENT_LEFT, RequestRecord
from server.synthesis.admission import Admission
from server.telemetry.recorder import Recorder


class Gate:
    """The outermost of our middlewares: it turns the errors of the others into responses, and records every request to
    a speech endpoint, whatever its outcome."""

    __middleware_version__ = 1

    def __init__(
        self,
        recorder: Recorder,
        admission: Admission,
        speaking: Collection[str] = (),
        sockets: Collection[str] = (),
        error_formats: Mapping[str, ErrorFormat] | None = None,
    ) -> None:
        """``speaking`` are the paths of the speech endpoints, whose requests are recorded. ``sockets`` are those of
        WebSockets that speak: of these only handshakes that are refused are recorded here, since each utterance is.
        ``error_formats`` are those of routes with another format than OpenAI's, by path."""
        self._recorder = recorder
        self._admission = admission
        self._speaking = Endpoints(speaking)
        self._sockets = Endpoints(sockets)
        self._error_formats = error_formats or {}

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = request_id(request)
        context = get_current_span().get_span_context()
        if context.is_valid:
            request[TRACE_ID] = format_trace_id(context.trace_id)
        if request.method == hdrs.METH_GET and (endpoint := self._sockets.of(request.path)):
            return await self._connected(request, handler, endpoint)
        if not (endpoint := self._speaking.of(request.path)):
            try:
                return await handler(request)
            except (SpeechError, web.HTTPException) as error:
                known = translate(error, request) if isinstance(error, web.HTTPException) else error
                return self._response(request, known)
            except (ConnectionError, asyncio.CancelledError):
                raise
            except Exception as error:  # the client gets a response to any exception
                return self._response(request, mistake(error, request[REQUEST_ID]))
        return await self._recorded(request, handler, endpoint)

    async def _recorded(self, request: web.Request, handler: Handler, endpoint: str) -> web.StreamResponse:
        record = RequestRecord(request[REQUEST_ID], endpoint=endpoint, method=request.method)
        request[RECORD] = record
        self._recorder.open(record, get_current_span())
        try:
            response = await handler(request)
            record.finish(Outcome.OK, response.status)
            return response
        except SpeechError as error:
            return self._failed(request, record, error)
        except web.HTTPException as error:
            return self._failed(request, record, translate(error, request))
        except (ConnectionError, TimeoutError) as error:
            self._finish(request, record, error)
            return _cut(request)
        except asyncio.CancelledError as error:
            self._finish(request, record, error)
            raise
        except Exception as error:  # any exception is counted, and the client gets a response
            return self._failed(request, record, mistake(error, request[REQUEST_ID]))
        finally:
            self._recorder.close(record, get_current_span())

    async def _connected(self, request: web.Request, handler: Handler, endpoint: str) -> web.StreamResponse:
        """Opens a socket, or records the refusal of its handshake. The handler raises nothing once it is open."""
        record = RequestRecord(request[REQUEST_ID], endpoint=endpoint, method=request.method)
        request[RECORD] = record
        try:
            return await handler(request)
        except SpeechError as error:
            failure = error
        except web.HTTPException as error:
            failure = translate(error, request)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # the client gets a response to any exception
            failure = mistake(error, request[REQUEST_ID])
        self._recorder.open(record, get_current_span())
        try:
            return self._failed(request, record, failure)
        finally:
            self._recorder.close(record, get_current_span())

    def _failed(self, request: web.Request, record: RequestRecord, error: SpeechError) -> web.StreamResponse:
        self._finish(request, record, error)
        if not _status(request):
            return self._response(request, error)
        return request[RESPONSE] if request.get(FAILURE_SENT) else _cut(request)

    def _response(self, request: web.Request, error: SpeechError) -> web.Response:
        """Returns the response to an error, in the format of the request's route."""
        return self._error_formats.get(route_path(request), error_response)(error)

    def _finish(self, request: web.Request, record: RequestRecord, error: BaseException) -> None:
        finish_failed(record, error, _status(request), stopping=self._admission.closed)


def _status(request: web.Request) -> int:
    """Returns the status that was already sent to the client, or 0."""
    response = request.get(RESPONSE)
    return response.status if response is not None and response.prepared else 0


def _cut(request: web.Request) -> web.StreamResponse:
    """Aborts the connection, so no client mistakes a partial body for a complete one; returns that response."""
    if request.transport is not None:
        request.transport.abort()
    return request.get(RESPONSE) or web.Response(status=CLIENT_LEFT)
