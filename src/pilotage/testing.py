"""The contract every driver is held to. Inherit the class of your port, give it your driver, run pytest::

    class TestMyProxy(TrafficContract):
        @pytest.fixture
        async def driver(self, tmp_path):
            driver = MyProxy(MyProxy.Options(...), Context(tmp_path, tmp_path))
            yield driver
            await driver.close()

Needs pytest and pytest-asyncio with ``asyncio_mode = "auto"``. Use the real thing behind the driver, not a mock.

There is one contract for each Protocol of `pilotage.drivers`, called after it (`Traffic`: `TrafficContract`). Inherit
your port's, beside it those of what your driver offers besides, and what fits of `UnreachableContract`,
`RepeatsContract`, `ThreadContract` and `CredentialsContract`. Each class says which fixtures and attributes are yours
to give; all need `driver`, a fresh one for each test, ready to be called.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, PilotageError, TemporaryError
from pilotage.core.model import Cohort
from pilotage.drivers import (
    Call,
    Check,
    Deployer,
    History,
    Logs,
    Message,
    Metrics,
    Mirrors,
    Notifier,
    Piece,
    Pool,
    Rehearses,
    Resolves,
    Restarts,
    Steers,
    Ticket,
    Tracker,
    Traffic,
)
from pilotage.drivers.process import OVERTAKEN


def call(key: str, timeout_s: float = 10.0) -> Call:
    return Call(key=key, version="v2", previous="v1", timeout_s=timeout_s)


class _EveryDriver:
    """What every port asks for. Your fixture: `driver`."""

    @pytest.fixture
    def driver(self) -> Any:
        raise NotImplementedError("override the fixture `driver`")

    async def test_options_refuse_unknown_names(self, driver: Any) -> None:
        with pytest.raises(ValidationError, match="no_such_option"):
            type(driver).Options.model_validate({"no_such_option": 1})

    async def test_probe_answers_one_line(self, driver: Any) -> None:
        answer = await driver.probe()
        assert answer
        assert "\n" not in answer

    async def test_closing_twice_is_fine(self, driver: Any) -> None:
        await driver.close()
        await driver.close()


class TrafficContract(_EveryDriver):
    """Your fixture: `driver`, a splitter that may be moved from 0 to 100 %. `tolerance` is half its smallest step, in
    percent."""

    tolerance = 0.01

    @pytest.mark.parametrize("weight", [0, 0.5, 10, 50, 100])
    async def test_the_weight_returned_is_the_one_read_back(self, driver: Traffic, weight: float) -> None:
        returned = await driver.set_weight(weight, call("a"))
        assert returned == pytest.approx(await driver.read_weight())
        assert returned == pytest.approx(weight, abs=self.tolerance)

    async def test_the_same_call_twice_changes_nothing_more(self, driver: Traffic) -> None:
        first = await driver.set_weight(25, call("a"))
        assert await driver.set_weight(25, call("a")) == first
        assert await driver.read_weight() == first

    async def test_a_later_call_wins(self, driver: Traffic) -> None:
        await driver.set_weight(75, call("a"))
        await driver.set_weight(0, call("b"))
        assert await driver.read_weight() == 0

    async def test_a_later_call_wins_over_one_that_was_ended_for_it(self, driver: Traffic) -> None:
        for number, after_s in enumerate((0, 0.001, 0.005, 0.02, 0.1)):
            earlier = asyncio.create_task(driver.set_weight(75, call(f"forward-{number}")))
            await asyncio.wait([earlier], timeout=after_s)
            earlier.cancel(OVERTAKEN)
            await asyncio.wait([earlier])
            assert await driver.set_weight(0, call(f"back-{number}")) == 0
        assert await driver.read_weight() == 0

    async def test_probe_changes_nothing(self, driver: Traffic) -> None:
        await driver.set_weight(25, call("a"))
        before = await driver.read_weight()
        await driver.probe()
        assert await driver.read_weight() == before


class UnreachableContract:
    """For a driver that talks to something. Your fixture: `unreachable`, one whose counterpart does not answer."""

    @pytest.fixture
    def unreachable(self) -> Any:
        raise NotImplementedError("override the fixture `unreachable`")

    async def test_one_that_does_not_answer_is_named_at_probe(self, unreachable: Any) -> None:
        with pytest.raises(PilotageError, match=r"\S"):
            await unreachable.probe()


class SteersContract:
    """For a splitter that knows cohorts; `cohort` is one it can bring into force, `driver` as in `TrafficContract`."""

    cohort = Cohort("header", "X-Canary", ("yes", "always"))

    async def test_a_cohort_comes_into_force_with_the_weight(self, driver: Any) -> None:
        offers = isinstance(driver, Steers)
        assert offers
        assert self.cohort.kind in driver.cohorts
        assert await driver.set_weight(0, replace(call("a"), cohort=self.cohort)) == 0
        assert await driver.read_cohort() == self.cohort

    async def test_and_goes_with_the_next_call_that_has_none(self, driver: Any) -> None:
        await driver.set_weight(10, replace(call("a"), cohort=self.cohort))
        await driver.set_weight(10, call("b"))
        assert await driver.read_cohort() is None

    async def test_values_from_outside_stay_values(self, driver: Any) -> None:
        strange = replace(self.cohort, values=("a b", '"x"; }', "$host`'", "(a|.*)", "\\"))
        await driver.set_weight(0, replace(call("a"), cohort=strange))
        assert await driver.read_cohort() == strange


class MirrorsContract:
    """For a splitter that copies requests; `driver` as in `TrafficContract`."""

    async def test_copies_come_into_force_with_the_weight(self, driver: Any) -> None:
        offers = isinstance(driver, Mirrors)
        assert offers
        assert await driver.set_weight(0, replace(call("a"), mirror=25)) == 0
        assert await driver.read_mirror() == 25

    async def test_and_end_with_the_next_call_that_has_none(self, driver: Any) -> None:
        await driver.set_weight(10, replace(call("a"), mirror=25))
        await driver.set_weight(10, call("b"))
        assert await driver.read_mirror() == 0


class RestartsContract:
    """For a splitter that tells since when it runs; `driver` as in `TrafficContract`. Your fixture: `restart`, which
    restarts the splitter, as an async callable."""

    @pytest.fixture
    def restart(self) -> Any:
        raise NotImplementedError("override the fixture `restart`")

    async def test_its_start_stays_the_same_while_it_runs(self, driver: Any) -> None:
        offers = isinstance(driver, Restarts)
        assert offers
        first = await driver.started_at()
        await driver.set_weight(25, call("a"))
        assert abs(await driver.started_at() - first) <= 2

    async def test_and_is_another_one_after_a_restart(self, driver: Any, restart: Any) -> None:
        first = await driver.started_at()
        await asyncio.sleep(max(0.0, first + 3.1 - time.time()))  # so that it can be told apart at all
        await restart()
        assert await driver.started_at() - first > 2


class PoolContract(_EveryDriver):
    """Your fixtures: `driver` (a pool, all of whose servers are ready), and `busy`: an async context manager that
    keeps a request to a server running (``async with busy(server): ...``). `servers` are two of its servers."""

    servers = ("web1", "web2")

    @pytest.fixture
    def busy(self) -> Any:
        raise NotImplementedError("override the fixture `busy`")

    async def test_a_drained_server_is_out_of_rotation_and_the_others_are_not(self, driver: Pool) -> None:
        one, other = self.servers
        said = await driver.drain(one, call("a"))
        assert said.strip()
        assert "\n" not in said
        states = await driver.states()
        assert (states[one], states[other]) == ("drained", "ready")

    async def test_it_comes_back(self, driver: Pool) -> None:
        one, _ = self.servers
        await driver.drain(one, call("a"))
        assert (await driver.ready(one, call("b"))).strip()
        assert (await driver.states())[one] == "ready"

    async def test_the_same_call_twice_is_fine(self, driver: Pool) -> None:
        one, _ = self.servers
        await driver.drain(one, call("a"))
        await driver.drain(one, call("a"))
        await driver.ready(one, call("b"))
        await driver.ready(one, call("b"))
        assert (await driver.states())[one] == "ready"

    async def test_a_drain_waits_for_the_last_request(self, driver: Pool, busy: Any) -> None:
        one, _ = self.servers
        async with busy(one):
            with pytest.raises(TemporaryError):
                await driver.drain(one, call("a", timeout_s=0.5))
            assert (await driver.states())[one] == "drained"
        await driver.drain(one, call("a"))

    async def test_a_server_it_does_not_know_is_refused(self, driver: Pool) -> None:
        for asked in (driver.drain, driver.ready):
            with pytest.raises(PermanentError, match="no-such-server"):
                await asked("no-such-server", call("a"))

    async def test_probe_changes_nothing(self, driver: Pool) -> None:
        one, _ = self.servers
        await driver.drain(one, call("a"))
        before = await driver.states()
        await driver.probe()
        assert await driver.states() == before


class DeployerContract(_EveryDriver):
    """Your fixtures: `driver`, which can deploy v2, and `deployed`, which lists the versions really deployed, in order,
    as a callable."""

    @pytest.fixture
    def deployed(self) -> Any:
        raise NotImplementedError("override the fixture `deployed`")

    async def test_a_deploy_says_what_it_did(self, driver: Deployer, deployed: Any) -> None:
        assert await driver.deploy("v2", call("a"))
        assert deployed() == ["v2"]

    async def test_the_same_call_twice_deploys_once(self, driver: Deployer, deployed: Any) -> None:
        await driver.deploy("v2", call("a"))
        await driver.deploy("v2", call("a"))
        assert deployed() == ["v2"]

    async def test_probe_deploys_nothing(self, driver: Deployer, deployed: Any) -> None:
        await driver.probe()
        assert deployed() == []


class RehearsesContract:
    """For a deployer that tries first; `driver` and `deployed` as in `DeployerContract`."""

    async def test_a_rehearsal_says_what_it_found_and_deploys_nothing(self, driver: Any, deployed: Any) -> None:
        offers = isinstance(driver, Rehearses)
        assert offers
        said = await driver.rehearse("v2", call("a"))
        assert said.strip()
        assert "\n" not in said
        assert deployed() == []

    async def test_and_is_not_taken_for_the_deploy(self, driver: Any, deployed: Any) -> None:
        await driver.rehearse("v2", call("a"))
        await driver.deploy("v2", call("a"))
        assert deployed() == ["v2"]


class MetricsContract(_EveryDriver):
    """Your fixture: `driver`. `known` is a selector that has series where it reads."""

    known = ""
    unknown = "no_such_metric_anywhere"

    async def test_a_known_selector_gives_points(self, driver: Metrics) -> None:
        (points,) = await driver.read([self.known])
        assert points
        assert all(isinstance(point.value, float) for point in points)

    async def test_an_unknown_selector_gives_an_empty_list(self, driver: Metrics) -> None:
        assert await driver.read([self.unknown]) == [[]]

    async def test_answers_come_in_the_selectors_order(self, driver: Metrics) -> None:
        first, second, third = await driver.read([self.unknown, self.known, self.unknown])
        assert (first, third) == ([], [])
        assert second

    async def test_no_selectors_give_no_answers(self, driver: Metrics) -> None:
        assert await driver.read([]) == []


class HistoryContract:
    """For a metrics driver that keeps the past as well; `driver`, `known`, `unknown` as in `MetricsContract`."""

    known = ""
    unknown = "no_such_metric_anywhere"

    async def test_the_past_comes_oldest_first_with_an_answer_for_each_selector(self, driver: Any) -> None:
        assert isinstance(driver, History)
        past = await driver.read_past([self.unknown, self.known], seconds=600, step_s=60)
        assert [one.at for one in past] == sorted(one.at for one in past)
        assert all(len(one.answers) == 2 and one.answers[0] == [] for one in past)

    async def test_no_selectors_have_no_past(self, driver: Any) -> None:
        assert all(one.answers == [] for one in await driver.read_past([], seconds=600, step_s=60))


class NotifierContract(_EveryDriver):
    """Your fixtures: `driver`, and `received`, which lists the texts that arrived, as a person reads them, as a
    callable."""

    message = Message("m-1", "r-1", "rolled_back", "Rolled back", "payment is on v1 again", {"weight": 0})

    @pytest.fixture
    def received(self) -> Any:
        raise NotImplementedError("override the fixture `received`")

    async def test_a_message_arrives(self, driver: Notifier, received: Any) -> None:
        await driver.send(self.message)
        assert any("payment is on v1 again" in text for text in received())

    async def test_sending_again_is_fine(self, driver: Notifier, received: Any) -> None:
        await driver.send(self.message)
        await driver.send(self.message)
        assert received()

    async def test_text_from_outside_stays_text(self, driver: Notifier, received: Any) -> None:
        title, text = "Rolled back\r\nBcc: eve@example.org", "<b>one</b> & <!channel> *two*\r\n.\r\nlast line"
        await driver.send(replace(self.message, title=title, text=text))
        (arrived,) = received()
        assert all(word in arrived for word in ("Rolled back", "eve@example.org", "one", "two", "last line"))

    async def test_probe_sends_nothing(self, driver: Notifier, received: Any) -> None:
        await driver.probe()
        assert not received()


class TrackerContract(_EveryDriver):
    """Your fixtures: `driver`, and `opened`, which lists the texts of the tickets really opened, in order, as a
    callable."""

    ticket = Ticket("r-1/permanent-fix", "Fix it for good", "payment 2.4.1 was rolled back", "owner")

    @pytest.fixture
    def opened(self) -> Any:
        raise NotImplementedError("override the fixture `opened`")

    async def test_a_ticket_is_opened_and_its_place_said(self, driver: Tracker, opened: Any) -> None:
        where = await driver.open(self.ticket)
        assert where.strip()
        assert "\n" not in where
        (text,) = opened()
        assert "payment 2.4.1 was rolled back" in text

    async def test_the_same_key_opens_one_ticket(self, driver: Tracker, opened: Any) -> None:
        where = await driver.open(self.ticket)
        assert await driver.open(self.ticket) == where
        assert len(opened()) == 1

    async def test_another_key_opens_another(self, driver: Tracker, opened: Any) -> None:
        await driver.open(self.ticket)
        await driver.open(replace(self.ticket, key="r-1/permanent-fix-2"))
        assert len(opened()) == 2

    async def test_probe_opens_nothing(self, driver: Tracker, opened: Any) -> None:
        await driver.probe()
        assert opened() == []


class RepeatsContract:
    """For a notifier that can tell whether a message has arrived; `driver` and `received` as in `NotifierContract`."""

    async def test_a_message_tried_again_arrives_once(self, driver: Notifier, received: Any) -> None:
        message = Message("m-1", "r-1", "held", "Held", "payment waits")
        await driver.send(message)
        before = received()
        await driver.send(replace(message, attempt=1))
        assert received() == before

    async def test_another_audience_is_told_in_its_own_words(self, driver: Notifier, received: Any) -> None:
        message = Message("m-1", "r-1", "held", "Held", "payment waits")
        await driver.send(message)
        await driver.send(replace(message, audience="stakeholders", text="in other words", attempt=1))
        assert any("in other words" in text for text in received())


class ThreadContract:
    """For a notifier that keeps a rollout's messages together; `driver` and `received` as in `NotifierContract`.

    Your fixture: `threads`, which counts the posts, incidents or conversations begun, as a callable.
    """

    @pytest.fixture
    def threads(self) -> Any:
        raise NotImplementedError("override the fixture `threads`")

    async def test_a_rollouts_messages_are_in_one_thread(self, driver: Notifier, received: Any, threads: Any) -> None:
        thread = await driver.send(Message("m-1", "r-1", "rollout_started", "Started", "payment v2"))
        assert thread
        again = await driver.send(Message("m-2", "r-1", "held", "Held", "payment waits", thread=thread))
        assert again == thread
        assert threads() == 1
        assert any("payment waits" in text for text in received())

    async def test_another_rollout_begins_another(self, driver: Notifier, threads: Any) -> None:
        first = await driver.send(Message("m-1", "r-1", "rollout_started", "Started", "payment v2"))
        second = await driver.send(Message("n-1", "r-2", "rollout_started", "Started", "basket v7"))
        assert first != second
        assert threads() == 2

    async def test_a_thread_that_is_none_of_its_own_is_not_followed(self, driver: Notifier, threads: Any) -> None:
        strange = "../r-9\r\nBcc: eve@example.org"
        thread = await driver.send(Message("m-1", "r-1", "held", "Held", "payment waits", thread=strange))
        assert thread != strange
        assert threads() == 1


class ResolvesContract:
    """For a notifier whose post says whether all is over; `driver` as in `NotifierContract`."""

    async def test_what_goes_on_is_not_resolved(self, driver: Any) -> None:
        offers = isinstance(driver, Resolves)
        assert offers
        thread = await driver.send(Message("m-1", "r-1", "rollout_started", "Started", "payment v2"))
        evidence = await driver.resolved(thread)
        assert evidence.holds is False
        assert evidence.text.strip()
        assert "\n" not in evidence.text

    async def test_what_was_promoted_is(self, driver: Any) -> None:
        thread = await driver.send(Message("m-1", "r-1", "rollout_started", "Started", "payment v2"))
        await driver.send(Message("m-2", "r-1", "promoted", "Promoted", "payment v2", thread=thread))
        assert (await driver.resolved(thread)).holds is True

    async def test_without_a_post_nobody_can_tell(self, driver: Any) -> None:
        assert (await driver.resolved("")).holds is None


class CredentialsContract:
    """For a notifier with credentials. Your fixture: `refused`, a driver whose service refuses them."""

    @pytest.fixture
    def refused(self) -> Any:
        raise NotImplementedError("override the fixture `refused`")

    async def test_refused_credentials_are_told_at_probe(self, refused: Any) -> None:
        with pytest.raises(PermanentError):
            await refused.probe()

    async def test_and_trying_again_does_not_help(self, refused: Any) -> None:
        with pytest.raises(PermanentError):
            await refused.send(Message("m-1", "r-1", "held", "Held", "payment waits"))


class LogsContract(_EveryDriver):
    """Your fixtures: `driver`, and `write`, which appends bytes to what it follows, as a callable; nothing was written
    before."""

    @pytest.fixture
    def write(self) -> Any:
        raise NotImplementedError("override the fixture `write`")

    async def hear(self, driver: Logs, size: int, within_s: float = 30.0) -> list[Piece]:
        """Reads until `size` bytes came; a source may need a moment to hand them on."""
        heard: list[Piece] = []
        end = asyncio.get_running_loop().time() + within_s
        while sum(len(piece.data) for piece in heard) < size and asyncio.get_running_loop().time() < end:
            heard += await driver.read()
            await asyncio.sleep(0.01)
        return heard

    async def test_what_is_written_comes_once_and_in_order(self, driver: Logs, write: Any) -> None:
        driver.continue_at({})
        await driver.read()
        write(b"one\ntwo\n")
        heard = await self.hear(driver, 8)
        write(b"three\n")
        heard += await self.hear(driver, 6)
        assert b"".join(piece.data for piece in heard) == b"one\ntwo\nthree\n"
        assert not any(piece.data for piece in await driver.read())

    async def test_offsets_count_the_bytes_of_a_stream(self, driver: Logs, write: Any) -> None:
        await driver.read()
        write(b"one\n")
        first = [piece for piece in await self.hear(driver, 4) if piece.data]
        write(b"\xff\x00two\n")
        second = [piece for piece in await self.hear(driver, 6) if piece.data]
        assert first[0].stream == second[0].stream
        assert second[0].offset == first[-1].offset + len(first[-1].data)
        assert second[0].data == b"\xff\x00two\n"
        assert first[0].name

    async def test_pieces_are_a_mebibyte_at_most(self, driver: Logs, write: Any) -> None:
        await driver.read()
        lines = b"x" * 1023 + b"\n"
        heard: list[Piece] = []
        for _ in range(96):
            write(lines * 32)
            heard += await driver.read()
        heard += await self.hear(driver, 96 * 32 * 1024 - sum(len(piece.data) for piece in heard))
        assert sum(len(piece.data) for piece in heard) == 96 * 32 * 1024
        assert all(len(piece.data) <= 1024 * 1024 for piece in heard)

    async def test_troubles_are_said_once(self, driver: Logs) -> None:
        await driver.read()
        driver.troubles()
        assert driver.troubles() == []

    async def test_nothing_comes_after_close(self, driver: Logs, write: Any) -> None:
        await driver.read()
        await driver.close()
        write(b"late\n")
        assert await driver.read() == []

    async def test_probe_reads_nothing(self, driver: Logs, write: Any) -> None:
        await driver.read()
        write(b"one\n")
        await driver.probe()
        assert b"".join(piece.data for piece in await self.hear(driver, 4)) == b"one\n"


class CheckContract(_EveryDriver):
    """Your fixtures: `driver` (a check), and `made`: an async function that makes what it looks for hold (True) or
    fail (False)."""

    @pytest.fixture
    def made(self) -> Any:
        raise NotImplementedError("override the fixture `made`")

    async def test_what_holds_is_said_with_what_was_seen(self, driver: Check, made: Any) -> None:
        await made(True)
        evidence = await driver.look()
        assert evidence.holds is True
        assert evidence.text.strip()
        assert "\n" not in evidence.text

    async def test_what_fails_is_said_with_what_was_seen(self, driver: Check, made: Any) -> None:
        await made(False)
        evidence = await driver.look()
        assert evidence.holds is not True
        assert evidence.text.strip()

    async def test_it_is_looked_at_anew_each_time(self, driver: Check, made: Any) -> None:
        await made(False)
        assert (await driver.look()).holds is not True
        await made(True)
        assert (await driver.look()).holds is True
