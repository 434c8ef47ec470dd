"""TLS to PostgreSQL: a real server with a certificate, trusted or not."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres import children
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres
from postgres.errors import DatabaseError
from postgres.pool import DatabaseSettings, connect
from service.sections import DatabaseSection
from service.settings import UrlSecret
from tests.certificates import localhost_certificate
from tests.database import refuse_or_skip


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return localhost_certificate(tmp_path)


def binaries_with_tls() -> Path:
    """The system's own PostgreSQL: the embedded one is built without TLS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        refuse_or_skip("PostgreSQL over TLS", "install Debian's package postgresql")
    return found[-1].parent


@pytest.fixture
def tls_dsn(certificate: Path) -> Iterator[str]:
    """A DSN by the name localhost of a server that offers TLS."""
    # Not below pytest's folder: as root the server is another account, which that folder shuts out.
    with tempfile.TemporaryDirectory(prefix="pend-tls-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        key_file = folder / "server.pem"
        shutil.copy(certificate, key_file)
        key_file.chmod(0o600)
        children.give_to(key_file, children.server_user())
        tls = {"ssl": "on", "ssl_cert_file": str(key_file), "ssl_key_file": str(key_file)}
        settings = {**FAST_AND_LOSABLE, **tls}
        with EmbeddedPostgres(folder / "data", settings=settings, binaries_dir=binaries_with_tls()) as server:
            yield server.dsn().replace("127.0.0.1", "localhost")


def settings_of(dsn: str, **tls: str) -> DatabaseSettings:
    section = DatabaseSection(dsn=UrlSecret(dsn), **tls)  # type: ignore[arg-type]
    return DatabaseSettings(dsn=section.dsn_with_tls())


async def test_connect_with_verify_full_and_the_right_authority_is_encrypted(
    tls_dsn: str, certificate: Path
) -> None:
    connection = await connect(settings_of(tls_dsn, sslmode="verify-full", sslrootcert=str(certificate)))
    try:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    finally:
        await connection.close()


async def test_connect_with_verify_full_and_another_authority_is_refused(
    tls_dsn: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    foreign = localhost_certificate(other)
    with pytest.raises(DatabaseError, match=r"(?i)certificate"):
        await connect(settings_of(tls_dsn, sslmode="verify-full", sslrootcert=str(foreign)))
