"""How much memory a document takes on its way into the storage and back: as much as a small one."""

import json
import subprocess
import sys
from pathlib import Path

_MIB = 1024 * 1024
_PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from uuid import uuid4
from write_api.encryption.documents import Decrypted, Encrypted
from write_api.storage.objects import open_folder
from write_api.uploads.multipart import Limits, read_multipart
from write_api.uploads.sniffing import Sniffer

MIB = 1024 * 1024
storage, key, key_id, document_id = open_folder(Path(sys.argv[1])), bytes(32), uuid4(), uuid4()

def highest():
    # Not getrusage: its maximum is the parent's, from before exec.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

async def body(size):
    yield b'--XX\\r\\nContent-Disposition: form-data; name="file"; filename="a.jpg"\\r\\n\\r\\n' + b"\\xff\\xd8\\xff"
    for _ in range(size // MIB):
        yield bytes(MIB)
    yield b"\\xff\\xd9\\r\\n--XX--\\r\\n"

async def sniffed(chunks, sniffer):
    async for chunk in chunks:
        sniffer.feed(chunk)
        yield chunk
    sniffer.finish()

async def through(size):
    upload = await read_multipart(body(size), "multipart/form-data; boundary=XX", Limits(size + 1000))
    chunks = sniffed(upload.chunks, Sniffer(declared_type="", filename=upload.filename))
    sealed = Encrypted(chunks, key, data_key_id=key_id, document_id=document_id)
    await storage.put("a/b", aiter(sealed))
    kept = {"sha256": sealed.sha256, "size": sealed.size}
    read = 0
    opened = Decrypted(storage.get("a/b"), key, data_key_id=key_id, document_id=document_id, **kept)
    async for chunk in opened:
        read += len(chunk)
    return read

async def main():
    await through(MIB)
    before = highest()
    read = await through(64 * MIB)
    print(json.dumps({"read": read, "grown": highest() - before}))

asyncio.run(main())
"""


def test_document_of_64_mib_takes_no_more_memory_than_its_parts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "documents")],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["read"] == 64 * _MIB + 5
    assert found["grown"] < 24 * _MIB
