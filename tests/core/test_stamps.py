"""When an entry says it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.stamps import instant

TEN = 1795428000.0  # 2026-11-23 10:00:00 UTC


@pytest.mark.parametrize(
    ("entry", "seconds"),
    [
        (b"2026-11-23T10:00:00.5Z ERROR", TEN + 0.5),
        (b"2026-11-23 10:00:00,250 ERROR", TEN + 0.25),
        (b"[2026-11-23T12:00:00+02:00] x", TEN),
        (b"2026-11-23T04:30:00-0530 x", TEN),
        (b"2026/11/23 10:00:00 [error] 1#1", TEN),
        (b'1.2.3.4 - - [23/Nov/2026:11:00:00 +0100] "GET /"', TEN),
        (b"[Mon Nov 23 10:00:00.125 2026] [core:error]", TEN + 0.125),
        (b"Nov 23 10:00:00 web-a shop[1]: x", TEN),
        (b"E1123 10:00:00.000001   12 a.go:1] x", TEN + 0.000001),
        (b'{"ts":1795428000.75,"msg":"x"}', TEN + 0.75),
        (b'{"time":1795428000250,"msg":"x"}', TEN + 0.25),
        (b'{"__REALTIME_TIMESTAMP":"1795428000000001"}', TEN + 0.000001),
        (b"no time at all", None),
        (b"2026-13-45T99:00:00Z", None),
    ],
)
def test_the_formats_that_logs_use(entry: bytes, seconds: float | None) -> None:
    found = instant(entry, 2026)
    assert found == (pytest.approx(seconds, abs=1e-6) if seconds is not None else None)


@given(st.binary(max_size=500), st.integers(1, 9999))
def test_any_bytes_have_an_instant_or_none(entry: bytes, year: int) -> None:
    instant(entry, year)
    instant(b"2026-11-23T10:00:00" + entry, year)
