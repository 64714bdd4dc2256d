"""MB/s of one core by CPU time, side by side on the same file: grep, reading alone, the scanner in its variants."""

from __future__ import annotations

import copy
import cProfile
import io
import os
import pstats
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.logs.volume import chunks, usual
from pilotage.core.entries import TOKENS, Search, entries, find_tokens
from pilotage.core.signatures import Miner
from pilotage.logs.batch import Group
from pilotage.logs.reading import Troubles, pieces
from pilotage.logs.search import fastest

THREE = (b"ERROR", b"FATAL", b"Exception")
GREP = ("grep", "-cE", "ERROR|FATAL|Exception")
GREP_ROW = "`grep -cE 'ERROR\\|FATAL\\|Exception'`"
ALL = "+ numbers, ahocorasick-rs: all of the scanner, every entry seen before"
STEADY = "all, ahocorasick-rs, known signatures with new values"
COLD = "all, ahocorasick-rs, nothing known yet"
ROUNDS = 5
YEAR = 2026


@dataclass(frozen=True, slots=True)
class Speed:
    """MB/s and seconds for the whole file by CPU time, medians."""

    name: str
    megabytes: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """`found`: entries in the file; `profiles`: where the time goes, by state of the miner."""

    speeds: list[Speed]
    size: int
    found: int
    profiles: dict[str, str]


def measure(size: int, share: float, rounds: int) -> Measured:
    """Speeds on a file of about `size` bytes of which `share` of the entries are errors."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "shop.log"), size, share, seed=1)
        # The same signatures with other values, so that nothing was seen before byte for byte.
        others = [write(Path(folder, f"{seed}.log"), size // 8, share, seed) for seed in range(2, rounds + 2)]
        warm = Miner()
        found = mine(path, fastest(), warm)
        fresh, steady = iter(others), copy.deepcopy(warm)
        runs: dict[str, Callable[[], object]] = {
            "reading alone": lambda: sum(stop for _, stop in pieces(path, Troubles())),
            "+ entries cut out, ahocorasick-rs": lambda: cut(path, fastest()),
            ALL: lambda: mine(path, fastest(), warm),
            "+ instants and counts (all that `pilotage logs` does)": lambda: Group().take(
                warm, fastest(), pieces(path, Troubles()), YEAR
            ),
            "all, plain Python": lambda: mine(path, find_tokens(TOKENS), warm),
            "all, plain Python, three tokens": lambda: mine(path, find_tokens(THREE), warm),
            "all, ahocorasick-rs, three tokens": lambda: mine(path, fastest(THREE), warm),
        }
        spent: dict[str, list[float]] = {name: [] for name in (GREP_ROW, *runs, STEADY, COLD)}
        for _ in range(rounds):
            spent[GREP_ROW].append(grep(path))
            for name, run in runs.items():
                spent[name].append(cpu(run))
            other = next(fresh)
            spent[STEADY].append(cpu(lambda file=other: mine(file, fastest(), steady)) * real(path) / real(other))
            spent[COLD].append(cpu(lambda file=other: mine(file, fastest(), Miner())) * real(path) / real(other))
        profiles = {
            "known entries": profile(lambda: mine(path, fastest(), warm)),
            "nothing known": profile(lambda: mine(others[0], fastest(), Miner())),
        }
        whole = real(path)
    speeds = [Speed(name, whole / 1e6 / median(times), median(times)) for name, times in spent.items()]
    return Measured(speeds, whole, found, profiles)


def write(path: Path, size: int, share: float, seed: int) -> Path:
    with path.open("wb") as file:
        for data in chunks(size, share, usual(), seed):
            file.write(data)
    return path


def real(path: Path) -> int:
    return path.stat().st_size


def mine(path: Path, search: Search, miner: Miner) -> int:
    return sum(len(miner.mine(data, search, stop)[0]) for data, stop in pieces(path, Troubles()))


def cut(path: Path, search: Search) -> int:
    return sum(len(list(entries(data, search, stop))) for data, stop in pieces(path, Troubles()))


def cpu(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def grep(path: Path) -> float:
    """The child's CPU seconds; LC_ALL=C, in which it is fastest."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Not to /dev/null: there grep stops at the first match.
    subprocess.run([*GREP, path], check=False, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def profile(run: Callable[[], object], top: int = 8) -> str:
    """The functions with the most time of their own, and their share."""
    profiler = cProfile.Profile()
    profiler.runcall(run)
    stats = pstats.Stats(profiler, stream=io.StringIO()).get_stats_profile()
    whole = stats.total_tt
    most = sorted(stats.func_profiles.items(), key=lambda one: -one[1].tottime)[:top]
    return ", ".join(f"`{name}` {one.tottime / whole:.0%}" for name, one in most)
