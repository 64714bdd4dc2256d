"""Which user of this machine is at the other end of a loopback connection: Linux says so in /proc/net/tcp and tcp6."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
KEPT_S = 2.0
"""Shorter than it takes anybody to be given the port of a connection that has just ended."""
ESTABLISHED = "01"
Place = tuple[str, int | None]
"""Without a port: no connection by TCP."""


@dataclass
class Neighbours:
    """`tables` are the kernel's lists of connections; without any, nobody is known."""

    tables: tuple[Path, ...] = TABLES
    _kept: dict[tuple[Place, Place], tuple[float, int | None]] = field(default_factory=dict)

    async def uid(self, client: Place | None, server: Place | None) -> int | None:
        """The user id of whoever opened that connection; None when it is not found."""
        if client is None or server is None:
            return None
        now, pair = time.monotonic(), (client, server)
        if pair in self._kept and now - self._kept[pair][0] < KEPT_S:
            return self._kept[pair][1]
        found = await asyncio.to_thread(self._look, client, server)
        self._kept = {one: kept for one, kept in self._kept.items() if now - kept[0] < KEPT_S}
        self._kept[pair] = (now, found)
        return found

    async def is_ours(self, client: Place | None, server: Place | None) -> bool | None:
        """Whether it is the user who runs this process, or root; None when nobody can tell."""
        uid = await self.uid(client, server)
        return None if uid is None else uid in (os.getuid(), 0)

    def _look(self, client: Place, server: Place) -> int | None:
        wanted = {(left, right) for left in _spelled(*client) for right in _spelled(*server)}
        for table in self.tables:
            try:
                lines = table.read_text().splitlines()[1:]
            except OSError:
                continue
            for line in lines:
                cells = line.split()
                if len(cells) > 7 and (cells[1], cells[2]) in wanted and cells[3] == ESTABLISHED:
                    return int(cells[7])
        return None


def _spelled(host: str, port: int | None) -> Iterator[str]:
    """As the kernel writes it: words of 32 bits in the machine's order; IPv4 also as a socket of both kinds has it."""
    try:
        address = ip_address(host)
    except ValueError:
        return
    if port is None:
        return
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    forms = [address.packed]
    if isinstance(address, IPv4Address):
        forms.append(IPv6Address(f"::ffff:{address}").packed)
    for form in forms:
        words = [int.from_bytes(form[place : place + 4], sys.byteorder) for place in range(0, len(form), 4)]
        yield "".join(f"{word:08X}" for word in words) + f":{port:04X}"
