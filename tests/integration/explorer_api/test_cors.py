"""Pages of other origins read answers only where that is allowed; every answer names its request."""

from pathlib import Path

import aiohttp
import pytest

from tests.integration.explorer_api.explorers import Explored, explorer_process

PENDSCAN, OTHER = "https://pendscan.example", "https://other.example"
PATH = "/api/v1/blocks/3"


async def test_origin_that_is_allowed_and_no_other_may_read(explored: Explored, tmp_path: Path) -> None:
    with explorer_process(explored.dsn, tmp_path, http__cors_origins=PENDSCAN) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            for _ in range(2):  # computed, then kept
                async with api.get(PATH, headers={"Origin": PENDSCAN}) as answer:
                    assert answer.headers["access-control-allow-origin"] == PENDSCAN
                    assert "ETag" in answer.headers["access-control-expose-headers"]
                    assert "Origin" in answer.headers["vary"]
                async with api.get(PATH, headers={"Origin": OTHER}) as answer:
                    assert answer.status == 200
                    assert "access-control-allow-origin" not in answer.headers
            async with api.get("/api/v1/blocks/nope", headers={"Origin": PENDSCAN}) as refused:
                assert refused.status == 400
                assert refused.headers["access-control-allow-origin"] == PENDSCAN
            asked = {
                "Origin": PENDSCAN,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "x-api-key",
            }
            async with api.options(PATH, headers=asked) as preflight:
                assert preflight.status == 204
                assert preflight.headers["access-control-allow-origin"] == PENDSCAN
                assert preflight.headers["access-control-allow-headers"] == "x-api-key"
                assert "GET" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    ("given", "repeated"),
    [("a-request_1", True), ("x" * 65, False), ("two words", False), ('"quoted"', False)],
)
async def test_request_is_named_by_its_caller_where_the_name_is_fit(
    api: aiohttp.ClientSession, given: str, repeated: bool
) -> None:
    async with api.get(PATH, headers={"X-Request-Id": given}) as answer:
        assert (answer.headers["x-request-id"] == given) is repeated
        assert answer.headers["x-request-id"]
