"""`report` and `review` over a real server, of a rollout that is in the store."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import uvicorn

from pilotage.coordinator import Coordinator
from pilotage.server.app import create_app
from pilotage.server.observed import Streams
from pilotage.store import Store, queries
from tests.core.afterwards import BEGAN, story
from tests.servers import answers
from tests.stage import wait_for

TOKEN = "of the test"
NAME = "payment-1"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[str]:
    """The API's address. Nothing of a report asks the engine, so there is none."""
    store = Store(f"sqlite:///{tmp_path / 'pilotage.db'}")
    store.migrate()
    asyncio.run(fill(store))
    nothing = cast(Any, None)
    app = create_app(Coordinator(store, nothing, tmp_path), cast(Any, SimpleNamespace(streams=Streams())), TOKEN)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    wait_for(lambda: answers(f"{address}/healthz"), 60)
    yield address
    server.should_exit = True
    thread.join(20)
    store.close()
    listener.close()


async def fill(store: Store) -> None:
    its = story()
    await store.run(queries.create_rollout, NAME, its.plan, "", "ann", "start", BEGAN)
    for recorded in its.record:
        await store.run(queries.append_event, recorded)
    for sample in its.samples:
        await store.run(queries.add_sample, NAME, sample, its.verdicts[sample.phase, sample.tick])


def pilotage(door: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilotage", *arguments],
        cwd=folder,
        env={**os.environ, "PILOTAGE_URL": door, "PILOTAGE_TOKEN": TOKEN, "PILOTAGE_STATE": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def get(door: str, path: str) -> httpx.Response:
    return httpx.get(
        f"{door}/v1/rollouts/{path}", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=20
    )


@pytest.mark.parametrize("name", ["report.html", "report.HTM"])
def test_a_file_that_ends_in_html_is_one_page_with_the_picture_in_it(door: str, tmp_path: Path, name: str) -> None:
    done = pilotage(door, tmp_path, "report", "-o", name)
    assert (done.returncode, done.stdout) == (0, f"{name} is written.\n"), done.stderr
    page = (tmp_path / name).read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert "about 13 harmed" in page
    assert not (tmp_path / "report.svg").exists()


def test_any_other_file_is_markdown_with_its_picture_beside_it(door: str, tmp_path: Path) -> None:
    done = pilotage(door, tmp_path, "report", NAME, "-o", "report.md", "--json")
    assert json.loads(done.stdout) == {"file": "report.md", "picture": "report.svg"}
    assert "](<report.svg>)" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "report.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_review_is_printed_or_written(door: str, tmp_path: Path) -> None:
    printed = pilotage(door, tmp_path, "review")
    assert printed.stdout.startswith("# Review: payment 2.4.1 in production\n")
    written = pilotage(door, tmp_path, "review", NAME, "-o", "review.md")
    assert written.stdout == "review.md is written.\n"
    assert (tmp_path / "review.md").read_text(encoding="utf-8").strip() == printed.stdout.strip()
    assert json.loads(pilotage(door, tmp_path, "review", "--json").stdout)["review"].startswith("# Review")


def test_the_api_answers_in_the_form_that_is_asked_for(door: str) -> None:
    assert get(door, f"{NAME}/report").headers["content-type"] == "text/markdown; charset=utf-8"
    assert get(door, f"{NAME}/report?format=html").headers["content-type"] == "text/html; charset=utf-8"
    assert get(door, "latest/review").headers["content-type"] == "text/markdown; charset=utf-8"
    assert get(door, f"{NAME}/report?format=pdf").status_code == 422
    assert get(door, "nothing/review").status_code == 404


def test_without_the_token_nothing_is_told(door: str) -> None:
    for path in ("report?format=html", "review"):
        assert httpx.get(f"{door}/v1/rollouts/{NAME}/{path}", trust_env=False, timeout=20).status_code == 401
