"""Ctrl-C while a process is being started."""

from __future__ import annotations

import signal
import threading

import pytest

from pilotage.interrupts import interrupts_wait


def test_an_interrupt_within_the_block_takes_effect_at_its_end() -> None:
    done = []

    def begin() -> None:
        with interrupts_wait():
            signal.raise_signal(signal.SIGINT)
            done.append("what was begun is finished")

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert done == ["what was begun is finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_is_left_changed() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interrupts_wait():
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_thread_that_gets_no_signals_just_goes_on() -> None:
    seen = []

    def work() -> None:
        with interrupts_wait():
            seen.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
