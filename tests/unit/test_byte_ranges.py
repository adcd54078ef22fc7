"""The header Range: which part of a body it means, and what is ignored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import RangeNotSatisfiable
from server.middleware.envelope import error_response
from server.routes.byte_ranges import ByteRange, entity_tag, requested_range

TAG = entity_tag(b"audio")


def requested(header: str, size: int = 100, **others: str) -> tuple[int, int] | None:
    found = requested_range({"Range": header, **others}, size, TAG)
    return (found.start, found.stop) if found else None


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-1", (0, 2)),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-", (10, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=99-1000", (99, 100)),
        ("bytes=0-99", (0, 100)),
        ("Bytes=5-6 ", (5, 7)),
    ],
)
def test_a_single_range_is_found(header: str, part: tuple[int, int]) -> None:
    assert requested(header) == part


@pytest.mark.parametrize(
    "header",
    ["", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "bytes=a-b", "bytes=-1-2", "items=0-1", "bytes=+1-2",
     "bytes = 0-1", "bytes=0-1;", "bytes=1.5-2", "bytes=\u0661-\u0662", "bytes=" + "9" * 4000 + "-"],
)  # fmt: skip
def test_what_is_no_single_range_is_ignored(header: str) -> None:
    assert requested(header) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999-"])
def test_a_range_behind_the_end_is_refused_with_the_length(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        requested(header)
    response = error_response(refusal.value)
    assert (response.status, response.headers["Content-Range"]) == (416, "bytes */100")


def test_if_range_wants_the_same_body() -> None:
    assert requested("bytes=0-1", **{"If-Range": TAG}) == (0, 2)
    for other in (entity_tag(b"other"), f"W/{TAG}", "Wed, 21 Oct 2015 07:28:00 GMT", ""):
        assert requested("bytes=0-1", **{"If-Range": other}) is None
        assert requested("bytes=100-", **{"If-Range": other}) is None


def test_the_header_counts_from_zero_to_the_last_byte() -> None:
    assert ByteRange(0, 2, 100).content_range == "bytes 0-1/100"


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_range_is_within_the_body_and_begins_where_it_is_said(size: int, first: int, last: int) -> None:
    try:
        part = requested(f"bytes={first}-{last}", size)
    except RangeNotSatisfiable:
        assert first >= size
        return
    assert part == (None if last < first else (first, min(last + 1, size)))


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60), st.text(max_size=40))
def test_no_header_is_a_mistake_of_the_server(header: str, condition: str) -> None:
    for value in (header, f"bytes={header}"):
        try:
            part = requested(value, 50, **{"If-Range": condition})
        except RangeNotSatisfiable:
            continue
        assert part is None or 0 <= part[0] < part[1] <= 50
