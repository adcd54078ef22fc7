"""Which steps of a GPU's engine share a batch: those of requests that state a seed run alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.engine.client import CUDA_MAX_BATCH, EngineClient, RemoteLatent
from server.scheduling.engine import Decode, Encode, Refine, Sentence, Step

SENTENCE = Sentence("joe", (1,) * 40)
LATENT = RemoteLatent("joe", 1, 300, (), 0.01, 11, [], exact=False)


def steps(*, exact: bool) -> list[Step]:
    latent = replace(LATENT, exact=exact)
    return [Encode(replace(SENTENCE, exact=exact)), Refine(latent, 0, 300), Decode(latent, 32, 96)]


@pytest.fixture
async def client() -> EngineClient:
    client = EngineClient()
    client._cuda = True
    return client


async def test_a_gpu_batches_steps_unless_they_must_be_exact(client: EngineClient) -> None:
    for step, exact in zip(steps(exact=False), steps(exact=True), strict=True):
        assert client.max_batch(step) == CUDA_MAX_BATCH[type(step)] > 1
        assert client.max_batch(exact) == 1
        assert client.bucket(step) != client.bucket(exact), "or it would join a batch of others"
        assert client.bucket(step) == client.bucket(step)


async def test_on_a_cpu_every_step_runs_alone() -> None:
    client = EngineClient()
    assert [client.max_batch(step) for step in (*steps(exact=False), *steps(exact=True))] == [1] * 6
