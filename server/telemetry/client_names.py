"""The names of keys, and of their tenants, that may be values of labels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import islice

from otel.contract.labels import ALL_TENANTS
from server.access.caller import ANONYMOUS, DEFAULT_TENANT
from server.access.key_record import KeyRecord
from server.logs import LOGGER

TENANTS = (DEFAULT_TENANT, ALL_TENANTS)
"""The values of the label ``tenant`` that need no key."""
MOST_NAMES = 256
"""The most names while a server runs: each has two series for every voice that it uses."""

log = logging.getLogger(f"{LOGGER}.clients")


class ClientNames:
    """The allow-list of key names, which follows the keys without a restart.

    A name that was allowed stays allowed, also when its key is gone: its series go on. Names beyond the first 256 are
    not allowed, and become ``other``.
    """

    def __init__(self, current: Callable[[], Iterable[str]], always: Iterable[str] = (ANONYMOUS.name,)) -> None:
        """``current`` returns the names of all keys, or of their tenants; ``always`` are names of no key."""
        self._current = current
        self._names = dict.fromkeys(always)
        self._full = False

    def __contains__(self, name: object) -> bool:
        """Whether ``name`` is allowed. A name that is new is looked up among the keys."""
        return name in self._names or (not self._full and any(map(self._add, self._matching(name))))

    def first(self, most: int) -> list[str]:
        """Returns allowed names: anonymous, and those of the ``most`` oldest keys."""
        for name in islice(self._current(), most):
            self._add(name)
        return [*self._names]

    def _matching(self, name: object) -> Iterable[str]:
        return (each for each in self._current() if each == name)

    def _add(self, name: str) -> bool:
        """Allows a name if there is room, and returns whether there was."""
        if len(self._names) >= MOST_NAMES and name not in self._names:
            self._full = True
            log.warning("there are more names of keys than metrics have room for", extra={"limit": MOST_NAMES})
            return False
        self._names[name] = None
        return True


class KeyNames:
    """The allow-lists of the names that keys have, and of the tenants that they belong to."""

    def __init__(self, records: Callable[[], Iterable[KeyRecord]]) -> None:
        """``records`` returns all keys."""
        self.clients = ClientNames(lambda: (record.name for record in records()))
        self.tenants = ClientNames(lambda: (record.tenant for record in records()), TENANTS)
