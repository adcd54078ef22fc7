"""The sockets of all clients: how many there may be, and when the server leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from otel.contract.streaming_metrics import SOCKETS, SOCKETS_CLOSED
from otel.contract.values import SocketEnd
from otel.sdk.recording import Metrics
from server.errors import ShuttingDown, TooManyConnections
from server.synthesis.admission import Admission

RETRY_SECONDS = 5
"""The Retry-After of a refused socket."""


class Sessions:
    """Counts the open sockets, since each holds a connection for as long as its client likes."""

    def __init__(
        self, most: int, client_share: float, admission: Admission, metrics: Metrics, endpoints: Collection[str]
    ) -> None:
        """At most ``most`` are open, of which one client has at most ``client_share``. ``endpoints`` are their
        paths."""
        self._metrics = metrics
        self._open = Counter(dict.fromkeys(endpoints, 0))
        metrics.observe(SOCKETS, lambda: [(count, {"endpoint": endpoint}) for endpoint, count in self._open.items()])
        for endpoint in endpoints:
            for end in SocketEnd:
                metrics.add(SOCKETS_CLOSED, 0, endpoint=endpoint, reason=end)
        self._most = most
        self._most_of_client = max(1, int(most * client_share))
        self._admission = admission
        self._clients: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._clients.total()

    @property
    def leaving(self) -> bool:
        """Whether idle sockets should end, since the server is about to stop."""
        return self._admission.leaving

    def ended(self, endpoint: str, reason: SocketEnd) -> None:
        """Counts a socket that has ended after its handshake."""
        self._metrics.add(SOCKETS_CLOSED, 1, endpoint=endpoint, reason=reason)

    @contextmanager
    def entered(self, client: str, endpoint: str) -> Iterator[None]:
        """Counts a socket of ``client``, its key or address. Raises ShuttingDown and TooManyConnections."""
        if self.leaving:
            raise ShuttingDown("the server is shutting down", retry_after=RETRY_SECONDS)
        if len(self) >= self._most:
            raise TooManyConnections(f"all {self._most} sockets are in use", retry_after=RETRY_SECONDS)
        if self._clients[client] >= self._most_of_client:
            raise TooManyConnections(
                f"one client may have {self._most_of_client} open sockets", retry_after=RETRY_SECONDS
            )
        self._clients[client] += 1
        self._open[endpoint] += 1
        try:
            yield
        finally:
            self._open[endpoint] -= 1
            self._clients[client] -= 1
            self._clients += Counter()  # forgets clients without a socket


def socket_end(lost: BaseException) -> SocketEnd:
    """Returns why a socket was lost."""
    if isinstance(lost, TimeoutError):
        return SocketEnd.SLOW_READER
    return SocketEnd.LOST if isinstance(lost, ConnectionError) else SocketEnd.FAILED
