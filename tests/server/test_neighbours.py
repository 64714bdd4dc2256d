"""Who is at the other end of a loopback connection, as the kernel says it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pilotage.server.neighbours import Neighbours
from pilotage.server.sessions import owner
from pilotage.settings import Settings
from tests.server.serving import serving
from tests.server.team import HERE, team
from tests.servers import free_port

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who is at the other end")
ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root may ask as somebody else")
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
HERE_4, MAPPED, HERE_6 = "0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"
LITTLE = pytest.mark.skipif(sys.byteorder != "little", reason="the lines are of a machine with little ends")
ASK = """
import sys, urllib.request as r
asked = r.Request(sys.argv[1], headers=dict(one.split("=", 1) for one in sys.argv[2:]))
try: print(r.urlopen(asked).status)
except r.HTTPError as e: print(e.code)
"""


def table(
    folder: Path, host: str = HERE_4, client: int = 40_000, server: int = 8700, state: str = "01", uid: int = 1000
) -> Path:
    path = folder / "tcp"
    ends = f"{host}:{client:04X} {host}:{server:04X}"
    path.write_text(f"{HEAD}   0: {ends} {state} 00000000:00000000 00:00000000 00000000  {uid}        0 1\n")
    return path


@LITTLE
@pytest.mark.parametrize(
    ("host", "spelled"),
    [("127.0.0.1", HERE_4), ("127.0.0.1", MAPPED), ("::1", HERE_6), ("::ffff:127.0.0.1", HERE_4)],
)
async def test_the_users_line_is_found_however_the_kernel_spells_the_address(
    tmp_path: Path, host: str, spelled: str
) -> None:
    neighbours = Neighbours((tmp_path / "missing", table(tmp_path, spelled)))
    assert await neighbours.uid((host, 40_000), (host, 8700)) == 1000


@LITTLE
@pytest.mark.parametrize(
    ("client", "server", "state"),
    [(40_001, 8700, "01"), (40_000, 8701, "01"), (40_000, 8700, "06"), (8700, 40_000, "01")],
)
async def test_another_connection_one_that_has_ended_or_our_own_end_is_not_it(
    tmp_path: Path, client: int, server: int, state: str
) -> None:
    neighbours = Neighbours((table(tmp_path, HERE_4, client, server, state),))
    assert await neighbours.uid(("127.0.0.1", 40_000), ("127.0.0.1", 8700)) is None


@pytest.mark.parametrize("text", ["", "nonsense\n1 2 3\n", HEAD])
async def test_a_table_that_says_nothing_knows_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "tcp").write_text(text)
    neighbours = Neighbours((tmp_path / "tcp",))
    assert await neighbours.is_ours(("127.0.0.1", 40_000), ("127.0.0.1", 8700)) is None
    assert await neighbours.is_ours(None, None) is None
    assert await neighbours.is_ours(("testclient", 1), ("127.0.0.1", 8700)) is None
    assert await neighbours.is_ours(("127.0.0.1", 1), ("127.0.0.1", None)) is None
    assert await neighbours.is_ours(("127.0.0.1", 1), ("/run/pilotage.sock", None)) is None


@LITTLE
async def test_our_own_user_and_root_are_ours_and_others_are_not(tmp_path: Path) -> None:
    for uid, ours in ((os.getuid(), True), (0, True), (4242, False)):
        neighbours = Neighbours((table(tmp_path, uid=uid),))
        assert await neighbours.is_ours(("127.0.0.1", 40_000), ("127.0.0.1", 8700)) is ours


@LINUX
async def test_the_kernel_itself_is_asked(tmp_path: Path) -> None:
    port = free_port()
    async with (
        team(tmp_path, Settings()) as ours,
        serving(ours.app, Settings(), port) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as browser,
    ):
        answer = await browser.get("/me", follow_redirects=True)
        assert answer.status_code == 200
        assert owner() in answer.text
        forwarded = {"X-Forwarded-For": "127.0.0.1", "Cookie": ""}
        assert (await browser.get("/me", headers=forwarded)).status_code == 403


@LINUX
@ROOT
async def test_another_user_of_this_machine_gets_no_page_not_even_with_a_cookie_of_ours(tmp_path: Path) -> None:
    async def nobody(url: str, *headers: str) -> str:
        argv = ["/usr/bin/python3", "-I", "-S", "-c", ASK, f"{url}/me", *headers]
        about = {"user": 65534, "group": 65534, "cwd": "/", "env": {}, "timeout": 30}
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, **about)
        assert not done.stderr, done.stderr
        return str(done.stdout).strip()

    port = free_port()
    async with (
        team(tmp_path, Settings()) as ours,
        serving(ours.app, Settings(), port) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as browser,
    ):
        await browser.get("/me")
        assert await nobody(url) == "403"
        assert await nobody(url, f"Cookie={ours.access.cookie}={browser.cookies[ours.access.cookie]}") == "403"
        assert (await browser.get("/me")).status_code == 200


async def test_where_nobody_can_tell_the_page_says_how_to_open_it(tmp_path: Path) -> None:
    async with team(tmp_path, Settings()) as ours:
        ours.access.neighbours = Neighbours(())
        async with ours.client(Accept="text/html") as browser:
            answer = await browser.get("/me")
            assert answer.status_code == 403
            assert "`pilotage open`" in answer.text
            assert not browser.cookies
        async with ours.client(HERE) as here, ours.client() as browser:
            path = (await here.post("/v1/open")).json()["path"]
            assert (await browser.get(path)).status_code == 303
            assert (await browser.get("/me")).status_code == 200


@LITTLE
async def test_a_connection_is_looked_up_once_in_a_while_only(tmp_path: Path) -> None:
    neighbours = Neighbours((table(tmp_path),))
    pair = (("127.0.0.1", 40_000), ("127.0.0.1", 8700))
    assert await neighbours.uid(*pair) == 1000
    (tmp_path / "tcp").unlink()
    assert await neighbours.uid(*pair) == 1000
    neighbours._kept[pair] = (neighbours._kept[pair][0] - 3, 1000)
    assert await neighbours.uid(*pair) is None
