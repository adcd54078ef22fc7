"""What many tests of the server begin with: a service of their own, with a provider that hums."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.app import Service
from server.settings import Settings
from server.shared.store_address import open_shared_files
from tests.humming_provider import HummingProvider
from tests.redis_server import RedisServer
from tests.s3_server import S3Server
from tests.service_client import Client, Start
from tests.stack import Stack, built, running_stack


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    services: list[Service] = []
    async with aiohttp.ClientSession() as session:

        async def starter(provider: HummingProvider | None = None, **settings: Any) -> Client:
            values = {
                "port": 0,
                "management_port": 0,
                "data_dir": tmp_path,
                "drain_seconds": 5.0,
                "cache_bytes": 0,  # most tests are about audio being made
                **settings,
            }
            configured = Settings(**values)
            shared = open_shared_files(configured.shared_store, configured.data_dir)
            service = Service(configured, [provider or HummingProvider()], shared)
            services.append(service)
            loading = await service.start()
            if provider is None or provider.may_start.is_set():
                await loading
            return Client(service, session)

        yield starter
        for service in services:
            await service.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A pipeline of the module's own."""
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def binaries() -> dict[str, Path]:
    """The pipeline's programs."""
    return built()


@pytest.fixture(scope="module")
def redis_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the module's own, which does not run yet."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3-compatible store of the module's own."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def bucket_variables(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the variables of AWS to those of the store, and no others."""
    for variable in [variable for variable in os.environ if variable.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for variable, value in s3.environment.items():
        monkeypatch.setenv(variable, value)
