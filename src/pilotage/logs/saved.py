"""What a listener needs to go on after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pilotage.core.signatures import Signature


@dataclass(frozen=True)
class SavedSignature:
    signature: Signature
    often: bool
    """Seen so often that it counts as recurring (see signatures.py)."""


@dataclass(frozen=True)
class LogState:
    """`same`, `named` (signatures met in the canary) and `places`: by source, then by stream, bytes."""

    same: Mapping[int, int] = field(default_factory=dict)
    named: tuple[int, ...] = ()
    places: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """`signatures`: all of them when a listener is restored, the changed ones when it hands them out."""

    signatures: tuple[SavedSignature, ...] = ()
    state: LogState = LogState()
