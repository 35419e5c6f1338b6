"""One address in front of several servers: each connection goes to the first that is alive.

Passes bytes; knows nothing of pages.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


@asynccontextmanager
async def in_front_of(addresses: list[str]) -> AsyncIterator[str]:
    """The common address, while it forwards."""

    async def serve(reader, writer) -> None:
        back, forth = await _first_alive(addresses)
        await asyncio.gather(_pass(reader, forth), _pass(back, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _first_alive(addresses: list[str]):
    for address in addresses:
        with suppress(OSError):
            return await asyncio.open_connection("127.0.0.1", urlsplit(address).port)
    raise ConnectionError(f"none of {addresses} is alive")


async def _pass(reader, writer) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()
