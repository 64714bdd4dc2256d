"""Values that were asked for: how often, how long they serve, and what happens while nobody answers."""

import asyncio

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.secrets import kept as module
from pilotage.drivers.secrets.kept import FRESH_S, KEPT_S, MOST, PAUSE_S, REST_S, Gone, Kept, Read, asked_anew

AWAY = TemporaryError("Vault does not answer")
WEEK_S = 7 * 86400.0


class World:
    """A clock of its own, and a service that gives `answer`, or raises it; it counts who asks."""

    def __init__(self):
        self.now = 1000.0
        self.kept = Kept(lambda: self.now)
        self.answer = Read("one")
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self):
        self.asked += 1
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def get(self, after_s=0.0, name="a", surroundings=None):
        self.now += after_s
        return await self.kept.get(name, surroundings, self.ask)


@pytest.fixture
async def world():
    return World()


async def test_an_hour_of_ticks_each_second_asks_sixty_times(world):
    for _ in range(3600):
        assert await world.get(after_s=1) == "one"
    assert world.asked == 3600 / FRESH_S


async def test_all_who_want_it_at_once_ask_once(world):
    world.open.clear()
    waiting = [asyncio.create_task(world.get()) for _ in range(50)]
    await asyncio.sleep(0)
    world.open.set()
    assert await asyncio.gather(*waiting) == ["one"] * 50
    assert world.asked == 1


async def test_one_who_gives_up_does_not_end_it_for_the_others(world):
    world.open.clear()
    first, second = asyncio.create_task(world.get()), asyncio.create_task(world.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    world.open.set()
    assert await second == "one"
    assert world.asked == 1


async def test_elsewhere_it_is_another_one(world):
    await world.get(surroundings="production")
    world.answer = Read("two")
    assert await world.get(surroundings="test") == "two"
    assert await world.get(surroundings="production") == "one"


@pytest.mark.parametrize(
    "error",
    [AWAY, PermanentError("no encrypted connection to Vault (expired)"), PermanentError("the token is refused (403)")],
)
async def test_while_it_cannot_be_read_the_last_value_serves_for_a_day(world, error):
    await world.get()
    world.answer = error
    for _ in range(int(KEPT_S // 3600) - 1):
        assert await world.get(after_s=3600) == "one"
    with pytest.raises(type(error), match=str(error).partition("(")[0]):
        await world.get(after_s=3601)


async def test_a_value_that_is_read_again_serves_a_day_more(world):
    await world.get()
    await world.get(after_s=KEPT_S - 1)
    world.answer = AWAY
    assert await world.get(after_s=KEPT_S - 1) == "one"


async def test_the_log_tells_that_an_old_value_serves_without_the_value(world, caplog):
    world.answer = Read("the-value-itself")
    await world.get()
    world.answer = AWAY
    for _ in range(300):
        await world.get(after_s=FRESH_S + 1)
    assert 25 < len(caplog.messages) < 35  # one in ten minutes, of five hours
    assert caplog.messages[0] == "a cannot be read again, its last value serves 24 h more: Vault does not answer"
    assert "the-value-itself" not in caplog.text


async def test_what_is_gone_no_longer_serves(world):
    await world.get()
    world.answer = Gone("it was deleted")
    with pytest.raises(PermanentError, match="deleted") as caught:
        await world.get(after_s=FRESH_S + 1)
    assert type(caught.value) is PermanentError
    world.answer = AWAY
    with pytest.raises(TemporaryError):
        await world.get(after_s=REST_S)


async def test_nobody_waits_long_for_a_new_value_where_the_old_one_does(world, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    await world.get()
    world.open.clear()
    assert await asyncio.wait_for(world.get(after_s=FRESH_S + 1), 5) == "one"
    world.answer = Read("two")
    assert await asyncio.wait_for(world.get(), 5) == "one"
    assert world.asked == 2
    world.open.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert await world.get() == "two"  # what came late was not lost
    assert world.asked == 2


async def test_after_a_failure_it_is_left_alone_for_some_seconds(world):
    await world.get()
    world.answer = AWAY
    await world.get(after_s=FRESH_S + 1)
    for _ in range(9):
        await world.get(after_s=REST_S / 10)
    assert world.asked == 2
    await world.get(after_s=REST_S / 10)
    assert world.asked == 3


async def test_without_any_value_it_is_asked_again_after_a_second(world):
    world.answer = AWAY
    for after_s in (0, PAUSE_S / 2, PAUSE_S / 2 - 0.01):
        with pytest.raises(TemporaryError):
            await world.get(after_s=after_s)
    assert world.asked == 1
    world.answer = Read("one")
    assert await world.get(after_s=PAUSE_S) == "one"


@pytest.mark.parametrize(("said", "meant"), [(7.0, 7.0), (3600.0, 60.0)])
async def test_it_is_asked_again_when_it_wants_to_be_a_minute_at_most(world, said, meant):
    world.answer = TemporaryError("too often", said)
    with pytest.raises(TemporaryError):
        await world.get()
    with pytest.raises(TemporaryError) as caught:
        await world.get(after_s=meant - 1)
    assert caught.value.after_s == said
    assert world.asked == 1
    world.answer = Read("one")
    assert await world.get(after_s=1) == "one"


async def test_a_lease_ends_it(world):
    world.answer = Read("one", lasts_s=10)
    await world.get()
    world.answer = AWAY
    assert await world.get(after_s=9) == "one"
    with pytest.raises(TemporaryError):
        await world.get(after_s=2)


async def test_a_long_lease_is_asked_for_again_all_the_same(world):
    world.answer = Read("one", lasts_s=WEEK_S)
    await world.get()
    await world.get(after_s=FRESH_S + 1)
    assert world.asked == 2


async def test_who_looks_whether_it_can_be_read_is_told_of_now(world):
    await world.get()
    world.answer = AWAY
    world.now += 30
    assert await world.get() == "one"
    with asked_anew(), pytest.raises(TemporaryError):
        await world.get()
    assert await world.get() == "one"  # it serves nevertheless
    world.answer = Read("two")
    with asked_anew():
        assert await world.get() == "two"
        assert await world.get() == "two"
    assert world.asked == 3  # once for all that one probe needs


async def test_no_more_is_kept_than_is_bearable(world):
    for number in range(MOST + 10):
        await world.get(name=str(number))
    assert world.asked == MOST + 10
    await world.get(name=str(MOST + 9))
    assert world.asked == MOST + 10
    await world.get(name="0")
    assert world.asked == MOST + 11


async def test_its_words_hold_no_value(world):
    world.answer = Read("the-value-itself")
    await world.get()
    assert "the-value-itself" not in repr(vars(world.kept)) + repr(world.answer)
