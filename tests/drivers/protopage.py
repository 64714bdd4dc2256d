"""A page of metrics in Prometheus' protobuf format, the one that has native histograms.

Written by hand after client_model's ``metrics.proto`` (MetricFamily, Metric, Histogram, BucketSpan); Prometheus 2.40
and later asks for it where the feature `native-histograms` is on.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM = 4


def histogram(
    name: str,
    labels: Mapping[str, str],
    schema: int,
    positive: Mapping[int, int],
    negative: Mapping[int, int] | None = None,
    zero: int = 0,
    threshold: float = 1e-9,
) -> bytes:
    """One series. Bucket `i` reaches from ``2**((i-1)/2**schema)`` to ``2**(i/2**schema)``."""
    count = sum(positive.values()) + sum((negative or {}).values()) + zero
    inside = _number(1, count) + _double(2, 1.5 * count) + _number(5, _zigzag(schema)) + _double(6, threshold)
    inside += _number(7, zero) + _side(negative or {}, 9) + _side(positive, 12)
    pairs = b"".join(_text(1, _text(1, one.encode()) + _text(2, value.encode())) for one, value in labels.items())
    family = _text(1, name.encode()) + _text(2, b"Times.") + _number(3, _HISTOGRAM) + _text(4, pairs + _text(7, inside))
    return _varint(len(family)) + family


def _side(buckets: Mapping[int, int], field: int) -> bytes:
    """Spans of neighbouring buckets, and the counts' differences."""
    spans, deltas, last, count = b"", b"", None, 0
    for run in _runs(sorted(buckets)):
        offset = run[0] if last is None else run[0] - last - 1
        spans += _text(field, _number(1, _zigzag(offset)) + _number(2, len(run)))
        for index in run:
            deltas += _number(field + 1, _zigzag(buckets[index] - count))
            count = buckets[index]
        last = run[-1]
    return spans + deltas


def _runs(indices: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for index in indices:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found, number = found + bytes([number & 0x7F | 0x80]), number >> 7
    return found + bytes([number])


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 63)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & (2**64 - 1))


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _text(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
