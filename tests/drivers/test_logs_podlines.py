"""One container's log, from a kubelet in memory: restarts, kills, instants out of order, more than one answer."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from pilotage.drivers.kubernetes.refusals import NoLog
from pilotage.drivers.logs import container, podlines
from pilotage.drivers.logs.container import ContainerLog, Run
from pilotage.drivers.logs.cursors import Cursors
from pilotage.drivers.logs.podlines import Reached, lines_of
from tests.kubernetes.podlogs import Run as Written

BEGUN = datetime(2026, 11, 26, 3, 0, 0, 400_000, UTC)


class Kubelet:
    """A container that is restarted; the log before is kept, as a kubelet does. Its clock is the test's."""

    def __init__(self):
        self.runs, self.now = [Written()], BEGUN

    @property
    def status(self):
        return Run(len(self.runs) - 1, begun=True, ended=False, before=len(self.runs) > 1)

    def write(self, text, late_ms=0.0):
        self.runs[-1].lines.append((self.now - timedelta(milliseconds=late_ms), text))

    async def ask(self, params):
        previous = params.get("previous") == "true"
        if previous and len(self.runs) < 2:
            raise NoLog("previous terminated container not found")
        return b"".join([piece async for piece in self.runs[-2 if previous else -1].read(params)])


class Heard:
    """What a listener has stored, and what it has heard since."""

    def __init__(self, folder):
        self.folder, self.text, self.stored, self.troubles = folder, b"", 0, []

    def start(self, kubelet, resume=False):
        cursors = Cursors(self.folder / "cursors", lambda: 0.0)
        log = ContainerLog(cursors, "pod", "pod/app", "app", kubelet.ask, lambda _, text: self.troubles.append(text))
        if resume:
            assert log.resume(self.stored)
        else:
            log.begin(Reached(0))
        cursors.keep(at_once=True)
        self.cursors = cursors
        return log

    async def read(self, log, kubelet):
        await log.read(kubelet.status)
        self.cursors.keep(at_once=True)
        for piece in log.take_ready():
            assert piece.offset == len(self.text)
            self.text += piece.data


@pytest.mark.parametrize("seed", range(60))
async def test_killed_again_and_again_every_line_comes_once(tmp_path, seed, monkeypatch):
    page = random.Random(seed).choice([400, 1000, podlines.PAGE])
    monkeypatch.setattr(podlines, "PAGE", page)
    monkeypatch.setattr(container, "PAGE", page)
    chance, kubelet, heard = random.Random(seed), Kubelet(), Heard(tmp_path)
    log, written, looked = heard.start(kubelet), [], True
    for number in range(150):
        written.append(f"line {number}")
        kubelet.write(written[-1], late_ms=chance.choice([0, 0, 3, 40]))
        kubelet.now += timedelta(milliseconds=chance.choice([0, 0, 60, 700]))
        what = chance.random()
        if what < 0.4:
            await heard.read(log, kubelet)
            looked = True
            if chance.random() < 0.6:
                heard.stored = chance.randint(heard.stored, len(heard.text))
        elif what < 0.5 and looked:
            for _ in range(30):
                await heard.read(log, kubelet)
            heard.stored = len(heard.text)
            kubelet.now += timedelta(seconds=1)
            kubelet.write("last words")
            written.append("last words")
            kubelet.runs.append(Written())
            kubelet.now += timedelta(seconds=1)
            looked = False
        elif what < 0.6:
            heard.text = heard.text[: heard.stored]
            log = heard.start(kubelet, resume=True)
    for _ in range(30):
        await heard.read(log, kubelet)
    lines = heard.text.decode().splitlines()
    if page > 400:
        assert (lines, heard.troubles) == (written, [])
    elif lines != written:  # some seconds have more than an answer can hold
        assert "in one second" in str(heard.troubles)
        numbered = [line for line in lines if line in set(written) - {"last words"}]
        assert len(numbered) == len(set(numbered))


async def test_of_more_than_can_be_read_in_a_second_the_rest_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(podlines, "PAGE", 1000)
    monkeypatch.setattr(container, "PAGE", 1000)
    kubelet, heard = Kubelet(), Heard(tmp_path)
    log = heard.start(kubelet)
    for number in range(200):
        kubelet.write(f"line {number:03d}")
    kubelet.now += timedelta(seconds=2)
    kubelet.write("later")
    for _ in range(3):
        await heard.read(log, kubelet)
    lines = heard.text.decode().splitlines()
    assert lines[:-1] == [f"line {number:03d}" for number in range(len(lines) - 1)]
    assert 10 < len(lines) < 100
    assert lines[-1] == "later"
    assert any("in one second, which is more than can be read" in said for said in heard.troubles)


async def test_a_line_without_its_end_waits_for_it_until_the_container_ends(tmp_path):
    answer = b"2026-11-26T03:00:00.1Z one\n2026-11-26T03:00:00.2Z tw"
    assert [line.text for line in lines_of(answer, whole=False)] == [b"one\n"]
    assert [line.text for line in lines_of(answer, whole=True)] == [b"one\n", b"tw\n"]


def test_instants_may_have_an_offset_and_any_digits():
    rows = (b"2026-11-26T03:00:00Z a\n", b"2026-11-26T04:00:00.000000001+01:00 b\n", b"2026-11-26T03:00:00.5Z c\n")
    first, *others = (line.at for line in lines_of(b"".join(rows), whole=False))
    assert [at - first for at in others] == [1, 500_000_000]


def test_the_kubelets_own_words_are_no_log():
    assert lines_of(b"unable to retrieve container logs for containerd://abc", whole=True) is None
    assert [line.text for line in lines_of(b"2026-11-26T03:00:00Z failed to open it\n", whole=True)] == [
        b"failed to open it\n"
    ]
