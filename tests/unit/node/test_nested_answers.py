"""JSON nested more deeply than any node nests it is garbled; it ends no process, whatever was imported."""

import subprocess
import sys

import pytest

from node.errors import AnswerGarbled, NodeInconsistent
from node.jsonrpc import BLOCKS, VALUES, decode_batch, error_in_object

DEEP = 100_000

_READ = f"""
import indexer.daemon, node.heads
from node.errors import AnswerGarbled
from node.jsonrpc import VALUES, decode_batch
raw = b'[{{"jsonrpc":"2.0","id":0,"result":' + b'[' * {DEEP} + b']' * {DEEP} + b'}}]'
try:
    decode_batch(raw, VALUES, endpoint="node", method="eth_call", count=1)
except AnswerGarbled:
    print("garbled")
"""


@pytest.mark.parametrize("nested", [b"[" * DEEP, b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP])
def test_decode_batch_of_deeply_nested_json_is_refused(nested: bytes) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)  # as the daemon has it; web3 sets another where it is imported alone
    try:
        for decoder in (VALUES, BLOCKS):
            with pytest.raises((AnswerGarbled, NodeInconsistent)):
                decode_batch(
                    b'[{"id":0,"result":' + nested + b"}]",
                    decoder,
                    endpoint="node",
                    method="eth_call",
                    count=1,
                )
        assert error_in_object(nested) is None
    finally:
        sys.setrecursionlimit(limit)


def test_daemon_that_is_sent_deeply_nested_json_lives() -> None:
    done = subprocess.run([sys.executable, "-c", _READ], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "garbled\n"), done.stderr
