"""How a code reaches a phone: printed for development, or posted to the service that sends texts."""

import sys
from typing import Protocol

import aiohttp

from service.http.problems import Busy
from write_api.settings import SenderSection

_WITHIN_S = 8.0


class Sender(Protocol):
    async def send(self, phone: str, text: str) -> None:
        """Raises `Busy` when the text could not be handed over."""
        ...

    async def aclose(self) -> None: ...


class ConsoleSender:
    """Prints the text on standard output, beside the log and never in it. For development alone."""

    async def send(self, phone: str, text: str) -> None:
        print(f"to {phone}: {text}", file=sys.stdout, flush=True)  # noqa: T201

    async def aclose(self) -> None:
        pass


class HttpSender:
    """POSTs {"phone", "text"} with a bearer token; 2xx is success."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def send(self, phone: str, text: str) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WITHIN_S))
        try:
            async with self._session.post(
                self._url, json={"phone": phone, "text": text}, headers=self._headers
            ) as answer:
                if answer.status >= 300:
                    raise Busy(
                        f"the text could not be sent ({answer.status}); try again soon", retry_after_s=30
                    )
        except (TimeoutError, aiohttp.ClientError) as error:
            raise Busy("the text could not be sent; try again soon", retry_after_s=30) from error

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


def sender_of(settings: SenderSection) -> Sender:
    if settings.kind == "console":
        return ConsoleSender()
    assert settings.url is not None
    token = None if settings.token is None else settings.token.get_secret_value()
    return HttpSender(settings.url.get_secret_value(), token)
