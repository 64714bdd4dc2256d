import asyncio
import os
import stat
import threading

import pytest

from pilotage.core.errors import PermanentError
from pilotage.drivers.files import alone, replace, to_the_end
from pilotage.drivers.process import OVERTAKEN


async def test_what_has_begun_is_waited_for_however_often_it_is_cancelled():
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work():
        begun.set()
        go_on.wait(10)
        done.append(True)
        raise OSError("which nobody hears of")

    task = asyncio.create_task(to_the_end(work))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(2):
        task.cancel(OVERTAKEN)
        await asyncio.wait([task], timeout=0.05)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError, match=OVERTAKEN):
        await task
    assert done


async def test_what_it_returns_and_raises_comes_through():
    assert await to_the_end(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await to_the_end(divmod, 7, 0)


async def test_one_who_is_cancelled_while_waiting_takes_nothing_along(tmp_path):
    async def waiting():
        async with alone(tmp_path / "file"):
            raise AssertionError("it was not alone")

    async with alone(tmp_path / "file"):
        task = asyncio.create_task(waiting())
        await asyncio.wait([task], timeout=0.05)
        task.cancel()
        await asyncio.wait([task])
    async with asyncio.timeout(1), alone(tmp_path / "file"):
        assert task.cancelled()


async def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(PermanentError, match=r"cannot lock .*No such file"):
        async with alone(tmp_path / "nowhere" / "file"):
            pass
    with pytest.raises(PermanentError, match=r"cannot write .*No such file"):
        replace(tmp_path / "nowhere" / "file", "text")


def test_a_new_file_can_be_read_by_everybody_and_an_old_one_keeps_its_rights(tmp_path):
    before = os.umask(0o077)
    try:
        replace(tmp_path / "new", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o644
    (tmp_path / "new").chmod(0o600)
    replace(tmp_path / "new", "another")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["new"]
