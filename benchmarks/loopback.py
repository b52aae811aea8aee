"""A client that asks a server on this machine as fast as it answers, and counts what it is answered.

HTTP/1.1 over as many connections as wanted, each kept for all of its requests. It knows as much of HTTP as
our servers here speak, and costs less than they do: a whole client would be what is measured.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `endpoint` is what the server should count it under."""

    method: str
    path: str
    endpoint: str
    body: bytes | None = None

    def bytes(self, host: str) -> bytes:
        """It, as it is sent."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: {host}\r\n"
        if self.body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + (self.body or b"")


async def ask_all(port: int, asks: Sequence[Ask], connections: int) -> Counter[tuple[str, str, str]]:
    """Send them over so many connections; gives how many had which (endpoint, method, status)."""
    waiting = iter(asks)
    counted = await asyncio.gather(*(_ask_in_turn(port, waiting) for _ in range(connections)))
    return sum(counted, Counter())


async def _ask_in_turn(port: int, waiting: Iterator[Ask]) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for ask in waiting:
        writer.write(ask.bytes(f"127.0.0.1:{port}"))
        status, closes = await answer(reader, ask.method)
        found[ask.endpoint, ask.method, status] += 1
        if closes:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return found


async def answer(reader: asyncio.StreamReader, method: str = "GET") -> tuple[str, bool]:
    """The status of the next answer, read to its end, and whether the server closes the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    status, fields = lines[0].split()[1], dict(line.split(": ", 1) for line in lines[1:] if line)
    if method != "HEAD" and status not in ("204", "304"):
        if fields.get("transfer-encoding") == "chunked":
            while (size := int(await reader.readline(), 16)) > 0:
                await reader.readexactly(size + 2)
            await reader.readline()
        else:
            await reader.readexactly(int(fields.get("content-length", "0")))
    # uvicorn closes after an exception, though the answer is whole and says nothing of it
    return status, fields.get("connection") == "close" or status == "500"


async def get_json(port: int, path: str) -> object:
    """What the server answers there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    _, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return json.loads(body)
