"""The write API as part of the demo: keys made, API and worker started, a wallet signed in.

Only its commands and its addresses are known here: the programs have the schema in common and nothing else.
"""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from evm.primitives import keccak256, to_hex
from evm.secp256k1 import address_of, sign
from indexer.demo.loopback import LoopbackFailed, get, post
from indexer.demo.processes import DemoFailed, Launcher

_START_S = 60.0
_STOP_S = 15.0


@dataclass(frozen=True, slots=True)
class Met:
    """What a new wallet met, in words, and whether it is what a user would expect."""

    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class WriteSide:
    """`pend-write serve` and `pend-write work`."""

    url: str

    def signs_in(self) -> Met:
        """Sign in with a key that was made just now (EIP-4361), and read the profile it gives."""
        private_key = os.urandom(32)
        address = to_hex(address_of(private_key))
        auth = f"{self.url}/api/v1/auth/wallet"
        try:
            message = post(f"{auth}/nonce", {"address": address})["message"]
            signed = {"message": message, "signature": _signature(message, private_key)}
            token = post(f"{auth}/sign-in", signed)["access_token"]
            profile = json.loads(get(f"{self.url}/api/v1/users/me", token))
            health = json.loads(get(f"{self.url}/api/v1/health"))
        except LoopbackFailed as error:
            return Met(holds=False, detail=str(error))
        holds = profile["address"].lower() == address and health["status"] != "unhealthy"
        tier = profile["tier"]
        detail = f"{address[:8]}… signed in: tier {tier['tier']} ({tier['name']}); {health['status']}"
        return Met(holds, detail)


def start_write_side(environment: Mapping[str, str], launcher: Launcher, stack: ExitStack) -> WriteSide:
    """Each under its own role. Raises `DemoFailed`."""
    folder = launcher.folder / "write"
    folder.mkdir(mode=0o700)
    environment = {
        **environment,
        "PEND_ENCRYPTION__KEYS_FILE": str(folder / "master-keys.json"),
        "PEND_SIGN_IN__KEYS_FILE": str(folder / "signing-keys.json"),
        "PEND_STORAGE__FOLDER": str(folder / "documents"),
        "PEND_AUDIT__ANCHOR_FILE": str(folder / "anchors.jsonl"),
        "PEND_WRITE__PORT": "0",
    }
    made = launcher.run("keys", environment, "write_api", "keys", "create")
    if made.exit_code != 0:
        raise DemoFailed(f"`pend-write keys create` ended with exit code {made.exit_code}:", made.output)
    worker = launcher.start(
        "worker", {**environment, "PEND_DATABASE__ROLE": "pend_worker"}, "write_api", "work"
    )
    stack.callback(worker.stop, timeout_s=_STOP_S)
    api = launcher.start("write", {**environment, "PEND_DATABASE__ROLE": "pend_writer"}, "write_api", "serve")
    stack.callback(api.stop, timeout_s=_STOP_S)
    launcher.wait_for_line(worker, r"^worker runs", timeout_s=_START_S)
    return WriteSide(launcher.wait_for_line(api, r"write API on (\S+)", timeout_s=_START_S)[1])


def _signature(message: str, private_key: bytes) -> str:
    """As wallets sign text (EIP-191, version 0x45)."""
    data = message.encode()
    digest = keccak256(b"\x19Ethereum Signed Message:\n%d" % len(data) + data)
    r, s, y_parity = sign(digest, private_key)
    return to_hex(r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + y_parity]))
