"""Whether a server may listen where it does: without keys, only this machine may reach it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from server.access.key_file import KeyFile
from server.access.keyring import Keyring
from server.access.shared_keys import open_key_database
from server.errors import ComponentError
from server.settings import Settings
from server.shared.shared_files import SharedFiles


class ExposedError(ComponentError):
    """The server has no key and would listen where others reach it; the message names the ways out."""


def open_keyring(settings: Settings, shared: SharedFiles | None = None) -> Keyring:
    """Returns the keyring of the settings, with its keys read: from ``shared``, if there is a store that servers share
    and no file of keys. Raises KeyStoreError and ExposedError."""
    file = settings.keys_file
    keyring = Keyring(KeyFile(file) if file is not None else open_key_database(settings.data_dir, shared))
    keyring.load()
    hosts = {"TTSCOPE_HOST": settings.host, "TTSCOPE_MANAGEMENT_HOST": settings.management_host}
    if settings.wyoming_port is not None:
        hosts["TTSCOPE_WYOMING_HOST"] = wyoming_host(settings)
    if not keyring.required and not settings.allow_anonymous:
        _refuse_exposure(hosts.items())
    if keyring.required and not is_loopback(hosts.get("TTSCOPE_WYOMING_HOST", "localhost")):
        raise ExposedError(
            f"TTSCOPE_WYOMING_HOST={wyoming_host(settings)} would let others speak without a key: this server has API "
            "keys, and Wyoming's protocol can't send one. Either set TTSCOPE_WYOMING_HOST=127.0.0.1; or unset "
            "TTSCOPE_WYOMING_PORT"
        )
    return keyring


def wyoming_host(settings: Settings) -> str:
    """Returns the address on which the port for Wyoming's protocol listens."""
    return settings.wyoming_host or settings.host


def is_loopback(host: str) -> bool:
    """Returns whether only this machine reaches a port that listens on ``host``."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _refuse_exposure(hosts: Iterable[tuple[str, str]]) -> None:
    exposed = [f"{variable}={host}" for variable, host in hosts if not is_loopback(host)]
    if exposed:
        raise ExposedError(
            f"{' and '.join(exposed)} would let others reach this server, and it has no API key. Either create one: "
            "python -m server.keys create NAME; or let everybody in: TTSCOPE_ALLOW_ANONYMOUS=true"
        )
