"""What is sent, to whom, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pilotage.core import events as ev
from pilotage.core.errors import TemporaryError
from pilotage.core.model import AUDIENCES, Channel, DriverRef
from pilotage.drivers import Context, DriverOptions, Message, registry
from pilotage.drivers.secrets import Secret
from pilotage.store import known, messages
from pilotage.wording.samples import SAMPLES
from tests.comms.world import World, console, sink, webhook

PLANTED = "Zq9-planted-hunter2"
ALL = (*SAMPLES.values(), ev.Resumed(0, "x"), ev.FollowUpsPlanned(()))


async def test_each_audience_gets_its_kinds_and_only_overrules_them(world: World) -> None:
    own = [console(f"{one}.log", audience=one) for one in AUDIENCES]
    await world.rollout("one", world.plan(*own, console("few.log", audience="pager", only=("follow_up_due",))))
    await world.happened("one", *ALL)
    await world.told(world.comms())
    assert set(await world.sent("one", 0)) == set(SAMPLES) - {"rollback_started"}  # it is over already
    changes = {"rollout_started", "held", "start_overdue", "promoted", "rolled_back", "direct_rollback"}
    assert set(await world.sent("one", 1)) == changes | {"recovery_confirmed"}
    assert set(await world.sent("one", 2)) == changes
    assert "rollout_started" not in await world.sent("one", 3)
    assert await world.sent("one", 4) == ["follow_up_due"]
    assert await world.store.run(messages.untold, 0.0) == set()


async def test_words_for_one_audience_reach_no_other(world: World) -> None:
    await world.rollout("one", world.plan(*(console(f"{one}.log", audience=one) for one in AUDIENCES)))
    await world.happened("one", ev.Announced("we are at it", "status-page"), ev.Announced("to all", ""))
    await world.told(world.comms())
    assert [len(await world.sent("one", channel)) for channel in range(4)] == [1, 2, 1, 0]


async def test_what_a_service_is_given_and_what_is_kept(world: World) -> None:
    with sink() as service:
        await world.rollout("one", world.plan(webhook(service.url)))
        await world.happened("one", ev.Held(0, "no data"))
        await world.told(world.comms())
        (message,) = service.taken
    assert (message["id"], message["kind"], message["audience"]) == ("one/0/0", "held", "incident")
    assert message["facts"] == {
        **{"service": "one", "environment": "test", "version": "2", "previous": "1", "severity": "P0"},
        "at": world.clock.time,
    }
    (kept,) = await world.store.run(messages.sent_on, "one", 0)
    assert (kept.title, kept.driver, kept.audience, kept.at) == (
        "one 2: held at 10 %",
        "webhook",
        "incident",
        world.clock.time,
    )


async def test_a_plan_that_waits_tells_too(world: World) -> None:
    plan = world.plan(console())
    name = await world.store.run(known.register, plan, "", "plan.yaml", "ann", world.clock.now())
    await world.happened(name, ev.StartOverdue(world.clock.now(), "it was to start within 1 h, and has not"))
    await world.told(world.comms())
    assert await world.sent(name) == ["start_overdue"]


async def test_a_template_that_breaks_in_the_middle_keeps_no_message_back_and_the_log_says_so(world: World) -> None:
    (world.folder / "words").mkdir()
    (world.folder / "words" / "held.md.j2").write_text("# {{ oops }}")
    await world.rollout("one", world.plan(console(), templates="words"))
    await world.happened("one", ev.Held(0, "no data"))
    with capture_logs() as logs:
        await world.told(world.comms())
    assert await world.sent("one") == ["held"]
    assert "words/held.md.j2: 'oops' is undefined" in str(logs)


class Leaky:
    """A stranger's driver that puts into its error whatever it knows."""

    class Options(DriverOptions):
        url: str = ""
        key: Secret | None = None
        inner: dict[str, Secret] = {}  # noqa: RUF012

    def __init__(self, options: Options, context: Context) -> None:
        self.options = options

    async def send(self, message: Message) -> str | None:
        secret = await self.options.key.reveal() if self.options.key else ""
        inner = await self.options.inner["x"].reveal()
        raise TemporaryError(
            f"401 for {secret} at {self.options.url}, {inner}, token={PLANTED}, https://u:{PLANTED}@h/x"
        )

    async def close(self) -> None: ...


async def test_no_secret_is_stored_or_logged_whatever_a_driver_says(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_SECRET", PLANTED)
    (tmp_path / "secret").write_text(f"{PLANTED}-too\n")
    monkeypatch.setattr(
        registry, "build", lambda port, ref, context: Leaky(Leaky.Options.model_validate(dict(ref.options)), context)
    )
    options = {
        "url": "https://hooks.example/services/Zq9-path-secret?x=Zq9-query",
        "key": {"env": "A_SECRET"},
        "inner": {"x": {"file": str(tmp_path / "secret")}},
    }
    channel = Channel(DriverRef("webhook", {name: one for name, one in options.items() if name != "url"}))
    monkeypatch.setattr(Leaky.Options.model_fields["url"], "default", options["url"])
    Leaky.Options.model_rebuild(force=True)
    await world.rollout("one", world.plan(channel))
    await world.happened("one", ev.Held(0, "no data"))
    with capture_logs() as logs:
        await world.told(world.comms())
    (row,) = await world.store.run(messages.backlog)
    assert row.last_error.startswith("401 for (hidden) at https://hooks.example (hidden), token=(hidden)")
    assert "Zq9" not in str(logs)
    world.store.close()
    for file in world.folder.glob("pilotage.db*"):
        assert b"Zq9" not in file.read_bytes(), file.name


async def test_wrong_options_are_named_without_their_values(world: World) -> None:
    await world.rollout("one", world.plan(Channel(DriverRef("webhook", {"url": "http://h", "timeout_s": PLANTED}))))
    await world.happened("one", ev.Held(0, "no data"))
    await world.told(world.comms())
    (row,) = await world.store.run(messages.backlog)
    assert row.last_error == "the options of webhook are refused where the coordinator runs: timeout_s"


async def test_back_in_the_outage_is_told_to_the_incident_channel_alone(world: World) -> None:
    """A status page or an alert that is resolved then would be a lie."""
    own = [console(f"{one}.log", audience=one) for one in AUDIENCES]
    await world.rollout("one", world.plan(*own))
    await world.happened("one", ev.RecoveryConfirmed("errors as before. The bug is still there", 60.0, sick=True))
    await world.told(world.comms())
    assert [await world.sent("one", number) for number in range(4)] == [["recovery_confirmed"], [], [], []]
