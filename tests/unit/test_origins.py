"""Which requests of web pages a port accepts, and what the pages of allowed origins may read."""

from __future__ import annotations

import itertools
import re

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from server.errors import OriginNotAllowed
from server.middleware.origins import EXPOSED_HEADERS, PAGES, Origins
from tests.server_process import ROOT

APP = "https://app.example"
OWN, OTHER = Origins((), PAGES), Origins([APP], PAGES)
HOST = "speech.example"
CROSS = {"Sec-Fetch-Site": "cross-site"}
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
FOREIGN = [
    CROSS,
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "anything"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": f"https://{HOST}.evil.example"},
    {"Origin": f"https://evil.example/{HOST}"},
    {"Origin": f"https://{HOST}@evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"},
    {"Origin": f"https://{HOST}", **CROSS},
    {"Origin": "https://[::1"},
    {"Origin": f"https://{HOST}:port"},
]


async def ok(_: web.Request) -> web.StreamResponse:
    return web.Response(text="spoken")


async def accepted(origins: Origins, headers: dict[str, str], method: str = "POST", path: str = "/tts") -> bool:
    request = make_mocked_request(method, path, {"Host": HOST, **headers})
    try:
        response = await origins(request, ok)
    except OriginNotAllowed:
        return False
    assert response.status == 200
    return True


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("method", "path"), [("POST", "/tts"), ("GET", "/api/tts"), ("GET", "/traces"), ("GET", "/")])
async def test_requests_of_foreign_pages_are_refused(headers: dict[str, str], method: str, path: str) -> None:
    for origins in (OWN, OTHER, Origins()):
        assert not await accepted(origins, headers, method, path)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://name-outside.example"},
        {"Origin": f"https://{HOST}"},
        {"Origin": f"http://{HOST}"},
        {"Origin": f"https://{HOST}:8443"},
    ],
    ids=str,
)
async def test_programs_and_the_servers_own_pages_are_accepted(headers: dict[str, str]) -> None:
    assert await accepted(OWN, headers)


@pytest.mark.parametrize(
    ("host", "origin", "same"),
    [
        ("localhost:8010", "http://localhost:8010", True),
        ("localhost:8010", "http://localhost:3000", False),
        ("localhost:8010", "http://127.0.0.1:8010", False),
        ("speech.example:443", "https://speech.example", True),
        ("speech.example:80", "http://speech.example", True),
        ("speech.example:80", "https://speech.example", False),
        ("SPEECH.example", "https://speech.EXAMPLE", True),
        ("[::1]:8010", "http://[::1]:8010", True),
        ("[::1]:8010", "http://[::2]:8010", False),
        ("", "null", False),
        ("", "http://", False),
        ("localhost:port", "http://localhost", False),
    ],
)
async def test_an_origin_is_compared_with_the_host(host: str, origin: str, same: bool) -> None:
    assert await accepted(OWN, {"Host": host, "Origin": origin}) is same


async def test_pages_may_be_opened_by_a_link_and_nothing_else_may() -> None:
    for path in ("/", "/docs"):
        assert await accepted(OWN, {**CROSS, **NAVIGATION}, "GET", path)
        assert not await accepted(Origins(), {**CROSS, **NAVIGATION}, "GET", path)
        assert not await accepted(OWN, {**CROSS, **NAVIGATION}, "POST", path)
        for change in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "no-cors"}):
            assert not await accepted(OWN, {**CROSS, **NAVIGATION, **change}, "GET", path)
    for path in ("/traces", "/api/tts", "/metrics", "/console/main.js"):
        assert not await accepted(OWN, {**CROSS, **NAVIGATION}, "GET", path)


async def test_an_allowed_origin_is_accepted_and_only_exactly() -> None:
    for headers in ({}, CROSS, {"Sec-Fetch-Site": "same-site"}):
        assert await accepted(OTHER, {"Origin": APP, **headers})
    for origin in ("http://app.example", f"{APP}:8443", f"{APP}.evil.example", f"{APP}/", APP.upper()):
        assert not await accepted(OTHER, {"Origin": origin, **CROSS})
    assert not await accepted(OTHER, CROSS)  # an image: it has no origin


async def test_a_star_accepts_every_page() -> None:
    for headers in FOREIGN:
        assert await accepted(Origins(["*"]), headers)


async def answered(
    origins: Origins, headers: dict[str, str], method: str = "OPTIONS", error: bool = False
) -> web.StreamResponse:
    """The response to a request, with the headers that are added at its end; ``ok`` answers what is no preflight."""
    request = make_mocked_request(method, "/tts", {"Host": HOST, **headers})
    response = await origins.preflight(request, ok)
    await origins.decorate(request, response)
    return response


ASKS = {
    "Origin": APP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type, X-Stainless-Retry-Count,x-api-key,x-secret",
    **CROSS,
}


async def test_a_preflight_of_an_allowed_origin_is_answered() -> None:
    response = await answered(OTHER, ASKS)
    assert response.status == 204
    assert dict(response.headers) | {"Vary": "Origin"} == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "authorization, content-type, x-stainless-retry-count, x-api-key",
        "Access-Control-Max-Age": "7200",
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
        "Vary": "Origin",
    }


@pytest.mark.parametrize("origins", [OWN, OTHER, Origins(["*"])], ids=["none", "one", "all"])
async def test_credentials_are_never_allowed(origins: Origins) -> None:
    for headers, method in itertools.product((ASKS, {"Origin": APP}), ("OPTIONS", "POST")):
        assert "Access-Control-Allow-Credentials" not in (await answered(origins, headers, method)).headers


@pytest.mark.parametrize(
    "change", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Access-Control-Request-Method": ""}], ids=str
)
async def test_other_requests_by_options_are_passed_on(change: dict[str, str]) -> None:
    response = await answered(OTHER, ASKS | change)
    assert response.status == 200
    assert "Access-Control-Allow-Methods" not in response.headers
    assert (await answered(OTHER, {**ASKS, "Origin": APP}, "POST")).status == 200


async def test_only_allowed_origins_see_headers_and_caches_tell_them_apart() -> None:
    allowed = (await answered(OTHER, {"Origin": APP}, "POST")).headers
    assert allowed["Access-Control-Allow-Origin"] == APP
    for headers in ({}, {"Origin": "https://evil.example"}):
        foreign = (await answered(OTHER, headers, "POST")).headers
        assert dict(foreign).keys() & {"Access-Control-Allow-Origin", "Access-Control-Expose-Headers"} == set()
        assert foreign["Vary"] == allowed["Vary"] == "Origin"
    assert "Vary" not in (await answered(OWN, {"Origin": APP}, "POST")).headers
    every = (await answered(Origins(["*", APP]), {"Origin": "https://evil.example"}, "POST")).headers
    assert every["Access-Control-Allow-Origin"] == "*"


def test_every_header_of_ours_may_be_read() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "server").rglob("*.py"))
    ours = set(
        re.findall(r'"(X-TTS-[\w-]+|X-Request-ID|X-Trace-ID|Server-Timing|Retry-After|RateLimit[\w-]*)"', sources)
    )
    assert len(ours) >= 8
    assert ours - set(EXPOSED_HEADERS.split(", ")) == set()


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40))
async def test_no_origin_and_no_host_is_a_mistake_of_the_server(value: str) -> None:
    assert not await accepted(OWN, {"Origin": value, **CROSS})
    await accepted(OWN, {"Origin": value})
    await accepted(OWN, {"Origin": f"http://{value}", "Host": value})
    await answered(OTHER, {**ASKS, "Access-Control-Request-Headers": value})
