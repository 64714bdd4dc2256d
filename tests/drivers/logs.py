"""A consumer of log pieces that keeps places, and a log file with a writer and a rotation, for tests."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import threading
from pathlib import Path

from pilotage.drivers import Context
from pilotage.drivers.logs.files import FileLogs


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Reader:
    """Holds a driver, keeps its texts by stream, and refuses a gap or a repeat. The clock is its own."""

    def __init__(self, folder: Path, *paths: str, **options) -> None:
        self.folder, self.options, self.clock = folder, {"paths": list(paths) or ["app.log"], **options}, Clock()
        self.texts: dict[str, tuple[int, bytearray]] = {}
        self.open: set[str] = set()
        self.troubles: list[str] = []
        self.names: dict[str, str] = {}
        self.start({})

    def start(self, places) -> None:
        options = FileLogs.Options(**self.options)
        self.driver = FileLogs(options, Context(self.folder, self.folder / "state"), self.clock)
        self.driver.continue_at(places)

    def read(self, seconds: float = 1.0):
        self.clock.now += seconds
        pieces = asyncio.run(self.driver.read())
        for piece in pieces:
            assert len(piece.data) <= 1024 * 1024
            begin, text = self.texts.setdefault(piece.stream, (piece.offset, bytearray()))
            assert piece.offset == begin + len(text), f"{piece.stream}: {piece.offset}, expected {begin + len(text)}"
            assert piece.stream in self.open or piece.stream not in self.names or "#after" in piece.stream
            text += piece.data
            self.open.add(piece.stream)
            self.names[piece.stream] = piece.name
            if piece.ended:
                self.open.remove(piece.stream)
        self.troubles += self.driver.troubles()
        return pieces

    def drain(self) -> None:
        for _ in range(15):
            self.read(3)

    def restart(self, lag: int = 0) -> None:
        """Only what was consumed counts: the last `lag` bytes of each open stream are to come again."""
        asyncio.run(self.driver.close())
        places = {}
        for stream in self.open:
            begin, text = self.texts[stream]
            del text[max(0, len(text) - lag) :]
            places[stream] = begin + len(text)
        self.start(places)

    def heard(self) -> list[bytes]:
        return sorted(bytes(text) for _, text in self.texts.values() if text)

    def close(self) -> None:
        asyncio.run(self.driver.close())


class LogFile:
    """A log file as its writer and logrotate treat it. `generations` is the truth: each one's text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.generations: list[bytearray] = []
        self.reopen()

    def reopen(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.generations.append(bytearray())

    def write(self, text: bytes) -> None:
        os.write(self.fd, text)
        self.generations[-1] += text

    def shift(self) -> None:
        """app.log.1 becomes app.log.2 and so on; what is packed stays packed."""
        old = []
        for file in self.path.parent.glob(f"{self.path.name}.*"):
            number, _, packed = file.name.removeprefix(f"{self.path.name}.").partition(".")
            old.append((int(number), packed, file))
        for number, packed, file in sorted(old, reverse=True):
            file.rename(self.path.with_name(f"{self.path.name}.{number + 1}{'.' * bool(packed)}{packed}"))

    @property
    def first(self) -> Path:
        return self.path.with_name(f"{self.path.name}.1")

    def rename(self, late: bytes = b"") -> None:
        self.shift()
        self.path.rename(self.first)
        self.write(late)
        os.close(self.fd)
        self.reopen()

    def copytruncate(self) -> None:
        self.shift()
        shutil.copyfile(self.path, self.first)
        os.truncate(self.path, 0)
        self.generations.append(bytearray())

    def pack(self, number: int = 1) -> None:
        old = self.path.with_name(f"{self.path.name}.{number}")
        if not old.exists():
            return
        times = old.stat()
        packed = old.with_name(old.name + ".gz")
        packed.write_bytes(gzip.compress(old.read_bytes()))
        os.utime(packed, ns=(times.st_atime_ns, times.st_mtime_ns))
        old.unlink()

    def truth(self) -> list[bytes]:
        return sorted(bytes(one) for one in self.generations if one)


def load(folder: str, way: str, names: str, rotations: int) -> int:
    """Writes numbered lines as fast as it can while the file is rotated, 20 lines or more apart. How many lines."""
    path = Path(folder) / "app.log"
    still, reopen, stop = threading.Lock(), threading.Event(), threading.Event()
    written = [0]

    def write() -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        while not stop.is_set() and written[0] < 2_000_000:
            with still:
                os.write(fd, b"%d\n" % written[0])
                written[0] += 1
            if reopen.is_set():
                reopen.clear()
                os.close(fd)
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.close(fd)

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(rotations):
        before = written[0]
        while written[0] < before + 20:
            os.sched_yield()
        old = path.with_name(f"app.log-2026112300{number:04}")
        if names == "numbered":
            old = path.with_name("app.log.1")
            for earlier in range(number, 0, -1):
                path.with_name(f"app.log.{earlier}").rename(path.with_name(f"app.log.{earlier + 1}"))
        if way == "rename":
            path.rename(old)
            path.touch()
            reopen.set()
        else:
            with still:
                shutil.copyfile(path, old)
                os.truncate(path, 0)
    stop.set()
    writer.join()
    return written[0]
