"""``python -m server``: runs the server until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from otel.support.api_key import KEY_VARIABLE
from otel.support.environment import SettingsError
from server import VERSION
from server.access.exposure import ExposedError
from server.access.key_record import KeyStoreError
from server.app import Service
from server.errors import SpeechError
from server.lifecycle import launch, watchdog
from server.lifecycle.data_folder import DataFolderError, lock_data_folder
from server.logs import LOGGER, configure
from server.network.certificate import CertificateError
from server.network.connections import possible_connections, raise_handle_limit
from server.price_list import PriceListError
from server.providers.factory import build_providers
from server.settings import Settings, load, unknown_variables
from server.shared.bucket_store import MissingLibrary
from server.shared.store_address import open_shared_files
from server.voices.catalogue import VOICES_FOLDER, Catalogue

LOST = 70
"""The exit code for a lost engine and for internal errors (EX_SOFTWARE of sysexits.h)."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger(f"{LOGGER}.main")


def main() -> int:
    """Returns the exit code.

    0 after an orderly stop; 1 if the server could not start or speak, or another server uses its data folder; 2 for
    invalid settings, keys that can't be read, or an address that others reach without keys; 70 if the engine was lost,
    the event loop hung, or the server failed, and should be restarted.
    """
    try:
        settings = load()
    except SettingsError as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 2
    os.umask(0o077)  # only this user can read its files, which include events and recordings of people's voices
    configure(settings.log_level)
    try:
        with lock_data_folder(settings.data_dir):
            return run(settings)
    except DataFolderError as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 1


def run(settings: Settings) -> int:
    """Runs the server until it ends, and returns the exit code of ``main``."""
    raise_handle_limit()
    if possible_connections(settings.max_connections) < settings.max_connections:
        log.warning(
            "the limit of open files lowers TTSCOPE_MAX_CONNECTIONS",
            extra={"connections": possible_connections(settings.max_connections)},
        )
    for name in unknown_variables():
        log.warning("an unknown variable is ignored", extra={"variable": name})
    folder = settings.data_dir / VOICES_FOLDER
    catalogue = Catalogue.scan(folder)
    for skipped in catalogue.skipped:
        log.warning("a voice is skipped", extra={"voice": skipped.name, "reason": skipped.reason})
    if settings.default_voice not in catalogue.voices:
        print(
            f"ttscope: the voice {settings.default_voice} is not installed in {folder}; "
            "install the default voice with: python -m server.voices install",
            file=sys.stderr,
        )
        return 1
    try:
        return asyncio.run(_watched(settings, catalogue))
    except Exception:
        log.exception("the server failed, and ends for its supervisor to start it again")
        return LOST


async def _watched(settings: Settings, catalogue: Catalogue) -> int:
    with watchdog.watch_event_loop(settings.watchdog_seconds):
        return await serve(settings, catalogue)


async def serve(settings: Settings, catalogue: Catalogue) -> int:
    """Runs until SIGINT or SIGTERM, and returns the exit code. A second signal does not wait for requests in flight."""
    try:
        shared = open_shared_files(settings.shared_store, settings.data_dir)
        service = Service(settings, build_providers(settings, catalogue, log, shared), shared)
    except SpeechError as error:
        print(f"ttscope: {error.message}", file=sys.stderr)
        return 1
    except (ExposedError, KeyStoreError, MissingLibrary, PriceListError) as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 2
    except CertificateError as error:
        print(f"ttscope: TTSCOPE_TLS_CERTIFICATE, TTSCOPE_TLS_KEY: {error}", file=sys.stderr)
        return 2
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin_to_stop() -> None:
        stop.set()
        for number in SIGNALS:  # a second signal ends the process at once
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in SIGNALS:
        loop.add_signal_handler(number, begin_to_stop)
    try:
        loading = await service.start()
    except OSError as error:
        print(f"ttscope: can't listen: {error.strerror}", file=sys.stderr)
        await service.stop()
        return 1
    log.info("listening, loading voices", extra={"url": service.url, "version": VERSION})
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
    code = 0
    if not stop.is_set():
        try:
            loading.result()
        except SpeechError as error:
            log.error("the server can't speak", extra={"reason": error.message})
            code = 1
        else:
            launch.settle()
            _announce(service, settings)
            loss = asyncio.create_task(service.lost())
            await asyncio.wait({loss, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if loss.done():
                log.error("the engine is lost, and the server ends for its supervisor to start it again")
                code = LOST
            loss.cancel()
    log.info("stopping")
    await service.stop(lost=code == LOST)
    return code


def _announce(service: Service, settings: Settings) -> None:
    log.info("ready", extra={"url": service.url, "management_url": service.management_url})
    key = f'-H "Authorization: Bearer ${KEY_VARIABLE}" ' if service.keyring.required else ""
    print(
        f"""
ttscope is ready: open {service.url} or try

  curl -s {service.url}/tts {key}-H 'content-type: application/json' \\
    -d '{{"text":"(happy) Hello world, this is a test.","voice_name":"{settings.default_voice}"}}' -o hello.wav

  metrics {service.url}/metrics and {service.url}/prometheus, traces {service.url}/traces
""",
        flush=True,
    )


if __name__ == "__main__":
    launch.ensure_environment()
    launch.show_crashes()
    sys.exit(main())
