"""Event streams: counted while they are open, told of when they begin, and ended when the coordinator stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import uvicorn
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from pilotage.server.observed import Observed, Streams


async def forever(request: Request) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        yield "data: first\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(lines(), media_type="text/event-stream")


def subscribers() -> float | None:
    return REGISTRY.get_sample_value("pilotage_sse_subscribers")


def counted() -> float:
    about = {"method": "GET", "route": "/s", "status": "200"}
    return REGISTRY.get_sample_value("pilotage_http_request_duration_seconds_count", about) or 0.0


async def test_streams_end_when_they_are_told_to_and_the_server_with_them() -> None:
    streams = Streams()
    app = Starlette(routes=[Route("/s", forever)])
    app.add_middleware(Observed, streams=streams)
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=30)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    before = counted()
    async with httpx.AsyncClient() as client, client.stream("GET", f"http://127.0.0.1:{port}/s") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: first"
        assert (len(streams), subscribers(), counted()) == (1, 1, before + 1)
        streams.end()
        server.should_exit = True
        async with asyncio.timeout(5):
            assert "".join([one async for one in lines]) == ""  # ended properly: no broken connection
            await serving
    assert (len(streams), subscribers()) == (0, 0)


async def test_a_client_that_leaves_is_counted_no_more() -> None:
    streams = Streams()
    app = Starlette(routes=[Route("/s", forever)])
    app.add_middleware(Observed, streams=streams)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient() as client, client.stream("GET", f"http://127.0.0.1:{port}/s") as answer:
        assert await anext(answer.aiter_lines()) == "data: first"
    server.should_exit = True
    async with asyncio.timeout(10):
        await serving
    assert len(streams) == 0
