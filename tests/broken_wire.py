"""A wire to a server that can be cut and mended: outages without touching the server itself."""

import asyncio
import socket
import weakref
from types import TracebackType
from typing import Self

from postgres.children import LOOPBACK


class Wire:
    """Forwards a loopback port of its own to `port` while it is whole."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._carried: set[asyncio.Task[None]] = set()
        self._bytes_left: int | None = None
        self.is_cut = asyncio.Event()
        self.port = 0
        self._kept: socket.socket | None = None

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    def cut_after(self, size_bytes: int) -> None:
        """Cut when this many more bytes were carried, in either direction, in the middle of a message too."""
        self._bytes_left = size_bytes

    async def mend(self) -> None:
        """Listen again, on the same port as before."""
        self._bytes_left = None
        self.is_cut.clear()
        self._server = await asyncio.start_server(self._carry, LOOPBACK, self.port, reuse_port=True)
        self.port = self._server.sockets[0].getsockname()[1]
        if self._kept is None:
            # Bound, but not listening: while the wire is cut, no other socket is given its port.
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._kept.bind((LOOPBACK, self.port))
            weakref.finalize(self, self._kept.close)

    async def cut(self) -> None:
        """Break every connection; new ones are refused."""
        carried = tuple(self._carried)
        self._break()
        await asyncio.gather(*carried, return_exceptions=True)

    def _break(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for task in tuple(self._carried):
            task.cancel()
        self.is_cut.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carried.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection(LOOPBACK, self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, there))
                both.create_task(self._pump(back, writer))
        except (asyncio.CancelledError, ExceptionGroup, OSError):
            pass
        finally:
            self._carried.discard(task)
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Carry bytes until either end closes; then raise, so that the other direction ends too."""
        while data := await source.read(65536):
            if self._bytes_left is not None:
                data = data[: self._bytes_left]
                self._bytes_left -= len(data)
            target.write(data)
            await target.drain()
            if self._bytes_left == 0:
                self._break()
        raise ConnectionResetError
