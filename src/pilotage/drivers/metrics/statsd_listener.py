"""The sockets on which StatsD's packets come: one for each address in this process, whoever wants it.

A thread of its own receives: what the rest of the process does must not let the kernel's buffer overflow.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.metrics.statsd_lines import lines
from pilotage.drivers.metrics.statsd_table import Table

BUFFER_BYTES = 4 * 1024 * 1024
MOST_PACKET = 65_536
_SO_RXQ_OVFL = 40
"""Linux tells with each packet how many it had to drop (socket(7)). Python has no name for it."""
_LOOK_S = 0.2

Address = tuple[str, int] | Path
"""A host and a port, or the path of a unix datagram socket."""


class Listener:
    """Listens from `hold` on until everybody who held it has let go."""

    _all: ClassVar[dict[Address, Listener]] = {}
    _door: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def hold(cls, address: Address, bounds: Sequence[float]) -> Listener:
        """Raises TemporaryError when the address cannot be had, PermanentError when it is held with other buckets."""
        with cls._door:
            listener = cls._all.get(address)
            if listener is None:
                listener = cls._all[address] = cls(address, bounds)
            elif listener.table.bounds != tuple(bounds):
                raise PermanentError(
                    f"{shown(address)} is listened at already, by another rollout, with other `buckets`: "
                    "give both the same, or other addresses"
                )
            listener._holders += 1
            return listener

    def release(self) -> None:
        with self._door:
            self._holders -= 1
            if self._holders:
                return
            del self._all[self._address]
        self._ended.set()
        self._thread.join()
        self._socket.close()
        if isinstance(self._address, Path):
            with contextlib.suppress(OSError):
                self._address.unlink()

    def __init__(self, address: Address, bounds: Sequence[float]) -> None:
        self.table = Table(bounds)
        self.began = time.time()
        self.last: float | None = None
        """When the last packet came."""
        self.packets = self.malformed = self.dropped = 0
        self.example = b""
        """The last malformed packet's beginning."""
        self._address = address
        self._holders = 0
        self._ended = threading.Event()
        self._socket = _bound(address)
        self._thread = threading.Thread(target=self._receive, name="statsd", daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while not self._ended.is_set():
            try:
                packet, beside, _, _ = self._socket.recvmsg(MOST_PACKET, 64)
            except TimeoutError:
                continue
            except OSError:
                return
            for level, kind, data in beside:
                if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                    self.dropped = int.from_bytes(data[:4], "little")
            self.packets += 1
            self.last = time.time()
            for line in lines(packet):
                if line is None:
                    self.malformed += 1
                    self.example = packet[:80]
                else:
                    self.table.add(line)


def shown(address: Address) -> str:
    if isinstance(address, Path):
        return f"unix:{address}"
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bound(address: Address) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        if isinstance(address, Path):
            _remove_if_nobody_listens(address)
            opened.bind(os.fspath(address))
        else:
            opened.bind(address)
    except OSError as error:
        opened.close()
        why = (error.strerror or str(error)).lower()
        hint = "is another StatsD, or another Pilotage, there?" if error.errno in (98, 48) else "is `bind` right?"
        raise TemporaryError(f"cannot listen for StatsD at {shown(address)} ({why}): {hint}") from None
    opened.settimeout(_LOOK_S)
    return opened


def _remove_if_nobody_listens(path: Path) -> None:
    """A socket's file stays where its process was killed. Any other file is left alone: binding then fails."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
