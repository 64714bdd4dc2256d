"""Notifiers: what arrives, once, in its thread, with credentials that are good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pilotage.core.errors import PermanentError
from pilotage.drivers import Message, Notifier, Resolves
from pilotage.testing.every import EveryDriver


class NotifierContract(EveryDriver):
    """Your fixtures: `driver`, and `received`, which lists the texts that arrived, as a person reads them, as a
    callable."""

    message = Message("m-1", "r-1", "rolled_back", "Rolled back", "payment is on v1 again", {"weight": 0})

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

    async def test_refused_credentials_are_told_at_probe(self, refused: Any) -> None:
        with pytest.raises(PermanentError):
            await refused.probe()

    async def test_and_trying_again_does_not_help(self, refused: Any) -> None:
        with pytest.raises(PermanentError):
            await refused.send(Message("m-1", "r-1", "held", "Held", "payment waits"))
