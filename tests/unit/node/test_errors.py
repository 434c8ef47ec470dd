"""Foreign errors become ours, all of them, and without the URLs that they hold."""

import inspect

import aiohttp
import pytest

from node import errors
from node.errors import NodeError, NodeFatal, NodeRetryable
from node.transport import reason_of


def leaves() -> list[type[NodeError]]:
    classes = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, NodeError)]
    return [one for one in classes if one not in (NodeError, NodeRetryable, NodeFatal)]


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_every_error_says_what_the_caller_can_do_and_has_a_label(leaf: type[NodeError]) -> None:
    assert issubclass(leaf, NodeRetryable) != issubclass(leaf, NodeFatal)
    assert leaf.kind != NodeError.kind


def test_every_error_is_drawn_in_the_tree() -> None:
    assert errors.__doc__ is not None
    for leaf in leaves():
        assert leaf.__name__ in errors.__doc__


def test_every_label_is_used_once() -> None:
    kinds = [leaf.kind for leaf in leaves()]
    assert len(set(kinds)) == len(kinds)


def test_every_error_of_the_http_client_is_one_we_convert() -> None:
    """transport.post converts aiohttp.ClientError, OSError and TimeoutError; nothing else may come out."""
    ours = (aiohttp.ClientError, OSError, TimeoutError)
    # Of what we do not use: WebSockets and multipart bodies.
    unused = {"WebSocketError", "WSMessageTypeError", "EofStream"}
    unused |= {"BadContentDispositionHeader", "BadContentDispositionParam"}
    foreign = [
        name
        for name, one in inspect.getmembers(aiohttp, inspect.isclass)
        if issubclass(one, Exception) and not issubclass(one, ours) and name not in unused
    ]
    assert foreign == []


def test_reason_of_a_connection_error_is_the_systems_own_words() -> None:
    error = aiohttp.ClientOSError(111, "Connection refused")
    assert reason_of(error) == "Connection refused"


def test_reason_of_an_error_that_holds_the_url_is_only_its_name() -> None:
    assert reason_of(aiohttp.InvalidURL("http://node/v3/key")) == "InvalidURL"
