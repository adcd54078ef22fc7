"""The server's end of a socket to the engine's process, with another end that answers as it likes."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import AsyncIterator

import numpy as np
import pytest

from server.engine import messages
from server.engine.connection import EngineConnection
from server.engine.messages import EMPTY, HEADER, EngineFailure, EngineRequest, EngineResponse, SpeakSentence
from server.errors import ShuttingDown, VoiceError
from server.scheduling.engine import EngineLost
from server.utterance import Samples
from tests.counting_engine import until


class Other:
    """The other end."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection

    async def request(self) -> EngineRequest:
        length, *_ = HEADER.unpack(await self._exactly(HEADER.size))
        return pickle.loads(await self._exactly(length))

    async def respond(
        self, response: EngineResponse | EngineFailure, samples: Samples = EMPTY, piece: int = 2**20
    ) -> None:
        data = messages.frame(response, samples) + samples.tobytes()
        for start in range(0, len(data), piece):
            await asyncio.get_running_loop().sock_sendall(self.socket, data[start : start + piece])
            await asyncio.sleep(0)

    async def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += await asyncio.get_running_loop().sock_recv(self.socket, size - len(data))
        return data


Ends = tuple[EngineConnection, Other]
RELEASED: list[int] = []
LOST: list[EngineLost] = []


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    connection = await EngineConnection.over(ours, RELEASED, LOST.append)
    LOST.clear()
    yield connection, Other(theirs)
    connection.close(ShuttingDown("the test is over"))
    theirs.close()


def ask(connection: EngineConnection, number: int) -> asyncio.Task[tuple[EngineResponse, Samples]]:
    return asyncio.create_task(connection.ask(SpeakSentence("joe", (number,))))


@pytest.mark.parametrize("piece", [1, 7, 1000, 2**20])
async def test_answers_come_in_order_in_whatever_pieces(ends: Ends, piece: int) -> None:
    connection, other = ends
    pending = [ask(connection, number) for number in range(3)]
    sent = [np.full((2, 5), 1.5, np.float32), EMPTY, np.arange(3, dtype=np.float32)[None]]
    for number, samples in enumerate(sent):
        assert (await other.request()).command == SpeakSentence("joe", (number,))
        await other.respond(EngineResponse(number, 10, 20), samples, piece)
    for number, (response, samples) in enumerate(await asyncio.gather(*pending)):
        assert response == EngineResponse(number, 10, 20)
        assert samples.shape == sent[number].shape
        assert samples.tolist() == sent[number].tolist()


async def test_who_no_longer_waits_does_not_shift_the_answers(ends: Ends) -> None:
    connection, other = ends
    first, second = ask(connection, 1), ask(connection, 2)
    await other.request()
    first.cancel()
    await other.request()
    await other.respond(EngineResponse("first"))
    await other.respond(EngineResponse("second"))
    assert (await second)[0].value == "second"
    assert first.cancelled()


async def test_what_is_released_is_sent_once_with_the_next_request(ends: Ends) -> None:
    connection, other = ends
    RELEASED.extend([4, 5])
    pending = [ask(connection, 1), ask(connection, 2)]
    assert (await other.request()).released == (4, 5)
    assert (await other.request()).released == ()
    assert RELEASED == []
    for task in pending:
        task.cancel()


async def test_a_failure_is_raised_as_it_was(ends: Ends, tmp_path: object) -> None:
    connection, other = ends
    pending = ask(connection, 1)
    await other.request()
    error = VoiceError(tmp_path, "is not a voice")
    await other.respond(EngineFailure(error))
    with pytest.raises(VoiceError) as caught:
        await pending
    assert (caught.value.path, caught.value.problem, str(caught.value)) == (tmp_path, "is not a voice", str(error))


@pytest.mark.parametrize("sent", [b"", b"\0\0"])
async def test_an_end_that_is_gone_is_a_lost_engine_now_and_later(ends: Ends, sent: bytes) -> None:
    connection, other = ends
    pending = [ask(connection, number) for number in range(2)]
    await other.request()
    await asyncio.get_running_loop().sock_sendall(other.socket, sent)
    other.socket.close()
    done = await asyncio.gather(*pending, return_exceptions=True)
    assert all(isinstance(error, EngineLost) for error in done)
    with pytest.raises(EngineLost):
        await connection.ask(SpeakSentence("joe", ()))
    assert len(LOST) == 1


async def test_closed_it_says_why(ends: Ends) -> None:
    connection, _ = ends
    pending = ask(connection, 1)
    await until(lambda: bool(connection._pending))
    connection.close(ShuttingDown("closing time"))
    for later in (pending, ask(connection, 2)):
        with pytest.raises(ShuttingDown, match="closing time"):
            await later
    assert LOST == []
