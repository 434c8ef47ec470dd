import os
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from indexer.settings import IndexerSettings
from service.settings import describe, fields_of, load
from service.settings_faults import SettingsInvalid

REQUIRED = {"database.dsn": "postgresql://u:geheim@h/d", "node.urls": "http://n:8545"}


@pytest.fixture(autouse=True)
def _scrubbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("PEND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _settings(**overrides: object) -> IndexerSettings:
    given = {key.replace("__", "."): value for key, value in overrides.items()}
    return load(IndexerSettings, overrides=REQUIRED | given).settings


def _fault_keys(**overrides: object) -> set[str]:
    with pytest.raises(SettingsInvalid) as raised:
        _settings(**overrides)
    return {fault.key for fault in raised.value.faults}


def test_load_nothing_given_names_both_required_settings() -> None:
    with pytest.raises(SettingsInvalid) as raised:
        load(IndexerSettings)
    assert [fault.key for fault in raised.value.faults] == ["database.dsn", "node.urls"]


def test_load_required_alone_has_measured_defaults() -> None:
    settings = _settings()
    assert (settings.node.batch_blocks_max, settings.backfill.commit_rows) == (10, 20_000)
    assert (settings.metrics.host, settings.metrics.port) == ("127.0.0.1", 9464)
    assert not settings.full_checks
    assert settings.backfill.workers_effective() >= 1


def test_workers_effective_given_number_is_kept() -> None:
    assert _settings(backfill__workers=3).backfill.workers_effective() == 3


@pytest.mark.parametrize("key", [key for key, _ in fields_of(IndexerSettings)])
def test_every_setting_is_described_and_bounded(key: str) -> None:
    field = dict(fields_of(IndexerSettings))[key]
    assert field.description
    assert field.description.endswith(".")
    if field.annotation in (int, float):
        names = {
            name
            for constraint in field.metadata
            for name in ("ge", "gt", "le", "lt")
            if hasattr(constraint, name)
        }
        assert names & {"ge", "gt"}
        assert names & {"le", "lt"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("database.dsn", "mysql://h/d"),
        ("database.role", "drop table"),
        ("database.sslmode", "maybe"),
        ("database.sslrootcert", "/nowhere/ca.pem"),
        ("database.pool_size_max", 0),
        ("database.statement_timeout_s", -1),
        ("database.chunk_blocks", 1),
        ("node.urls", ""),
        ("node.urls", "besu:8545"),
        ("node.urls", "http://h:99999"),
        ("node.urls", "http://h,ftp://h"),
        ("node.ws_url", "http://h"),
        ("node.batch_blocks_max", 0),
        ("node.request_timeout_s", "nan"),
        ("node.max_response_bytes", 1),
        ("redis.url", "http://h"),
        ("follow.max_reorg_depth", -1),
        ("backfill.workers", 65),
        ("backfill.segment_blocks", 0),
        ("backfill.queue_bytes_max", 1),
        ("verify.level", "none"),
        ("metrics.port", 65_536),
        ("metrics.host", ""),
        ("log.level", "loud"),
        ("log.format", "xml"),
    ],
)
def test_load_value_out_of_bounds_is_a_fault_of_its_key(key: str, value: object) -> None:
    assert _fault_keys(**{key: value}) == {key}


def test_load_rules_between_settings_are_faults_of_their_section() -> None:
    assert _fault_keys(node__username="u") == {"[node]"}
    assert _fault_keys(node__username="u", node__password="p", node__token="t") == {"[node]"}
    assert _fault_keys(database__dsn="postgresql://h/d?sslmode=require", database__sslmode="require") == {
        "[database]"
    }


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:p@one:5432,two:5432/d?target_session_attrs=read-write",
        "postgresql:///d?host=/var/run/postgresql",
        "postgresql://postgres:@/postgres?host=/tmp/x",
    ],
)
def test_load_dsn_of_several_hosts_or_a_socket_is_kept(dsn: str) -> None:
    assert _settings(database__dsn=dsn).database_settings().dsn == dsn


def test_database_settings_carry_tls_role_and_limits(tmp_path: Path) -> None:
    authority = tmp_path / "our ca.pem"
    authority.write_text("x", encoding="utf-8")
    settings = _settings(
        database__dsn="postgresql://u:p%40@h/d?application_name=x",
        database__sslmode="verify-full",
        database__sslrootcert=str(authority),
        database__role="pend_indexer",
        database__lock_timeout_s=0,
    ).database_settings("pend-index verify")
    place = str(authority).replace(" ", "%20")
    assert (
        settings.dsn == f"postgresql://u:p%40@h/d?application_name=x&sslmode=verify-full&sslrootcert={place}"
    )
    assert (settings.role, settings.lock_timeout_s, settings.application_name) == (
        "pend_indexer",
        0,
        "pend-index verify",
    )


def test_node_settings_carry_endpoints_credentials_and_limits(tmp_path: Path) -> None:
    token = tmp_path / "jwt"
    token.write_text("x", encoding="utf-8")
    node = _settings(
        node__urls="http://a:1,https://b:2",
        node__ws_url="ws://a:2",
        node__token_file=str(token),
        node__silence_timeout_s=5,
    ).node_settings()
    assert (node.urls, node.ws_url) == (("http://a:1", "https://b:2"), "ws://a:2")
    assert (node.jwt_token_file, node.head_silence_s, node.deadline_s) == (token, 5, 120)
    login = _settings(node__username="u", node__password="p").node_settings()
    assert (login.username, login.password) == ("u", "p")


def test_settings_shown_or_printed_hide_secrets_and_reach_workers() -> None:
    loaded = load(
        IndexerSettings, overrides=REQUIRED | {"node.token": "geheim", "redis.url": "rediss://:geheim@h"}
    )
    assert "geheim" not in repr(loaded) + str(describe(loaded))
    assert pickle.loads(pickle.dumps(loaded.settings)).redis.url.get_secret_value() == "rediss://:geheim@h"


def test_every_section_is_frozen_and_refuses_unknown_keys() -> None:
    sections = [field.annotation for field in IndexerSettings.model_fields.values()]
    for section in sections:
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        assert section.model_config.get("frozen")
        assert section.model_config.get("extra") == "forbid"
