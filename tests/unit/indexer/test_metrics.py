import math
import re
import socket
import urllib.request
from pathlib import Path

import pytest
import yaml

from indexer.errors import MetricsUnavailable
from indexer.metrics import IndexerMetrics, endpoint_host, serve
from node.observer import NodeObserver

PROMETHEUS = Path(__file__).parents[3] / "deploy" / "prometheus"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _value(metrics: IndexerMetrics, name: str, **labels: str) -> float:
    value = metrics.registry.get_sample_value(f"pend_indexer_{name}", labels)
    assert value is not None, f"no sample {name}{labels}"
    return value


def test_metrics_unknown_gauges_are_nan_not_zero() -> None:
    metrics = IndexerMetrics()
    for name in (
        "head_block",
        "indexed_block",
        "lag_blocks",
        "lag_seconds",
        "node_up",
        "redis_up",
        "coverage_gaps",
    ):
        assert math.isnan(_value(metrics, name)), name


def test_lag_head_ahead_of_index_is_blocks_and_block_time() -> None:
    metrics = IndexerMetrics()
    metrics.head_seen(110, 5_000)
    metrics.indexed_to(100, 4_980)
    assert (_value(metrics, "lag_blocks"), _value(metrics, "lag_seconds")) == (10, 20)


def test_lag_head_of_lagging_node_behind_index_is_zero() -> None:
    metrics = IndexerMetrics()
    metrics.indexed_to(100, 4_980)
    metrics.head_seen(99, 4_970)
    assert (_value(metrics, "lag_blocks"), _value(metrics, "lag_seconds")) == (0, 0)
    assert _value(metrics, "head_block") == 99


def test_seconds_since_last_commit_counts_from_start_then_from_commit() -> None:
    clock = Clock()
    metrics = IndexerMetrics(clock=clock)
    clock.now += 30
    assert _value(metrics, "seconds_since_last_commit") == 30, "stuck from birth must be seen too"
    metrics.committed(blocks=2, transactions=5, logs=7, seconds=0.2)
    clock.now += 3
    assert _value(metrics, "seconds_since_last_commit") == 3


def test_committed_twice_adds_up() -> None:
    metrics = IndexerMetrics()
    for _ in range(2):
        metrics.committed(blocks=2, transactions=5, logs=7, seconds=0.2)
    assert _value(metrics, "blocks_stored_total") == 4
    assert _value(metrics, "transactions_stored_total") == 10
    assert _value(metrics, "logs_stored_total") == 14
    assert _value(metrics, "commit_duration_seconds_count") == 2
    assert _value(metrics, "commit_duration_seconds_sum") == pytest.approx(0.4)


def test_reorged_counts_and_measures_depth() -> None:
    metrics = IndexerMetrics()
    metrics.reorged(3)
    assert _value(metrics, "reorgs_total") == 1
    assert _value(metrics, "reorg_depth_blocks_bucket", le="2.0") == 0
    assert _value(metrics, "reorg_depth_blocks_bucket", le="3.0") == 1


def test_state_reported_is_what_is_scraped() -> None:
    metrics = IndexerMetrics()
    metrics.queued(1024)
    metrics.coverage(gaps=2, gap_blocks=17)
    metrics.quarantined(1)
    metrics.alarmed("finality_violated")
    metrics.node_up(True)
    metrics.database_up(False)
    metrics.redis_up(True)
    assert (_value(metrics, "queue_bytes"), _value(metrics, "quarantined_blocks")) == (1024, 1)
    assert (_value(metrics, "coverage_gaps"), _value(metrics, "coverage_gap_blocks")) == (2, 17)
    assert _value(metrics, "alarms_total", kind="finality_violated") == 1
    assert [_value(metrics, name) for name in ("node_up", "database_up", "redis_up")] == [1, 0, 1]


def test_observer_requests_are_labelled_by_host_only() -> None:
    metrics = IndexerMetrics()
    observer: NodeObserver = metrics
    observer.on_request("https://u:geheim@besu:8545/v3/key?x=1", "eth_getBlockByNumber", 0.02, None)
    observer.on_request("besu:8545", "eth_getBlockByNumber", 0.02, "timeout")
    observer.on_retry("eth_getBlockByNumber", "timeout", 0.5)
    observer.on_inconsistent("logs_bloom")
    observer.on_head_source("websocket")
    labels = {"endpoint": "besu:8545", "method": "eth_getBlockByNumber"}
    assert _value(metrics, "rpc_request_duration_seconds_count", **labels) == 2
    assert _value(metrics, "rpc_errors_total", endpoint="besu:8545", kind="timeout") == 1
    assert _value(metrics, "rpc_retries_total") == 1
    assert _value(metrics, "inconsistent_answers_total", kind="logs_bloom") == 1
    assert _value(metrics, "head_subscription_up") == 1


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://h", "h"),
        ("h:1", "h:1"),
        ("wss://u:p@h:1/k", "h:1"),
        ("http://[::1]:8545/x", "[::1]:8545"),
        ("", "unknown"),
    ],
)
def test_endpoint_host_of_url_or_host_is_host(endpoint: str, host: str) -> None:
    assert endpoint_host(endpoint) == host


def test_names_follow_prometheus_conventions() -> None:
    for family in IndexerMetrics().registry.collect():
        if family.name.startswith("process_"):
            continue
        assert re.fullmatch(r"pend_indexer_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb", "_minutes"))


def test_serve_answers_scrapes_until_closed() -> None:
    metrics = IndexerMetrics()
    metrics.head_seen(7, 1)
    with serve(metrics, "127.0.0.1", 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        assert "pend_indexer_head_block 7.0" in text
        assert re.search(r'pend_indexer_build_info\{python="[^"]+",version="[^"]+"\} 1.0', text)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_serve_port_in_use_names_it_and_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MetricsUnavailable) as raised, serve(IndexerMetrics(), "127.0.0.1", port):
            pass
    assert (raised.value.host, raised.value.port) == ("127.0.0.1", port)
    assert "metrics.port" in raised.value.next_step


def _rules() -> list[dict[str, object]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_configuration_scrapes_the_default_port_and_loads_the_rules() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    assert set(configuration) == {"global", "rule_files", "scrape_configs"}
    job, *_ = configuration["scrape_configs"]  # the others are of the other programs
    assert job["job_name"] == "pend-indexer"
    assert job["static_configs"] == [{"targets": ["indexer:9464"]}]
    assert [(PROMETHEUS / name).is_file() for name in configuration["rule_files"]] == [True]


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: str(rule["alert"]))
def test_alert_rule_is_whole_and_uses_metrics_that_exist(rule: dict[str, object]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "description"}  # type: ignore[call-overload]
    assert re.fullmatch(r"\d+[smh]", str(rule.get("for", "0s")))
    metrics = IndexerMetrics()
    metrics.alarmed("x")
    metrics.on_inconsistent("x")
    metrics.restarted("x")
    samples = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    used = set(re.findall(r"pend_indexer_\w+", str(rule["expr"])))
    assert used <= samples
    assert used or "up{" in str(rule["expr"])
