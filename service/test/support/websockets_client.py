"""Speaks the protocol with Python's `websockets`, and checks each answer. Arguments: ws URL, http origin."""

import asyncio
import json
import sys
import uuid

import websockets
from websockets.asyncio.client import connect


async def received(socket):
    """The next message that is no heartbeat: the first one may come at any time."""
    while "ts" in (message := json.loads(await socket.recv())):
        pass
    return message


async def counted(socket, message):
    await socket.send(message)
    reply = await received(socket)
    assert "count" in reply, reply
    return reply["count"]


async def close_code(url, message):
    async with connect(url) as socket:
        await socket.send(message)
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code


async def main(url, origin):
    session = str(uuid.uuid4())
    async with connect(f"{url}?session_id={session}") as socket:
        assert socket.response.headers["X-Session-Id"] == session
        assert await counted(socket, "one") == 1
        assert await counted(socket, "") == 2
        assert await counted(socket, ["frag", "ments", " ü"]) == 3
        await (await socket.ping())
    async with connect(f"{url}?session_id={session}") as socket:
        assert await counted(socket, "resumed") == 4
    assert await close_code(url, b"binary") == 1003
    assert await close_code(url, "x" * 1001) == 1009
    async with connect(url) as socket:
        for _ in range(30):
            await socket.send("too fast")
        try:
            for _ in range(30):
                await received(socket)
            raise AssertionError("no limit was kept")
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1008, closed.rcvd
    try:
        await connect(f"{url}?session_id=42")
        raise AssertionError("a malformed session was taken")
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 400
        assert json.loads(refused.response.body)["error"] == "malformed"

    async with connect(f"{url}?session_id={session}") as socket:
        assert await counted(socket, "before the drain") == 5
        print("ready for the drain", flush=True)
        bye = await received(socket)
        assert bye["bye"] is True and bye["total"] == 5 and bye["session_id"] == session, bye
        try:
            await socket.recv()
            raise AssertionError("still open after the bye")
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1001


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
