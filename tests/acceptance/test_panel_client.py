"""The Socket.IO client from npm, as anybody would use it, on the panel."""

import json
import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.integration.write_api import conftest as office
from tests.integration.write_api.offices import KeyFolder, admin
from tests.integration.write_api.panels import applicant, application_of, panel_process

key_folder, write_dsn = office.key_folder, office.write_dsn

PACKAGES = Path(__file__).parent / "packages"


async def test_the_stock_client_works_as_it_is(
    write_dsn: str, key_folder: KeyFolder, redis_server: str, tmp_path: Path
) -> None:
    node = shutil.which("node")
    if node is None or not (PACKAGES / "node_modules" / "socket.io-client").exists():
        pytest.skip("run `npm ci` in tests/acceptance/packages")
    async with aiohttp.ClientSession() as session:
        verifier = admin(session, write_dsn, key_folder, "kyc_verifier")
    user, token = applicant(write_dsn, key_folder)
    application = str(application_of(write_dsn, user))
    given = {"admin": verifier.token, "applicant": token, "application": application}
    with panel_process(write_dsn, key_folder, tmp_path, redis__url=redis_server) as panel:
        done = subprocess.run(
            (node, str(PACKAGES / "panel_client.mjs"), panel.url, json.dumps(given)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout)
    assert found["polling"] is not None
    assert found["nobody"]["message"] == "Sign in first"
    assert found["nobody"]["data"]["type"] == "/problems/not-signed-in"
    assert found["joined"]["present"] == [{"admin_id": str(verifier.id), "state": "viewing"}]
    assert found["refused"]["problem"]["status"] == 403
    assert found["typing"] == {"application_id": application, "admin_id": None}
    assert found["received"]["audience"] == "applicant"
    assert found["rejoined"]["ok"]
    assert [each["body"] for each in found["since"]["messages"]] == ["two"]
