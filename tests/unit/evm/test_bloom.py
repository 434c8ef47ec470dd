from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from evm.blocks import Log
from evm.bloom import bloom_bits, logs_bloom

topics = st.binary(min_size=32, max_size=32)
logs = st.builds(
    lambda address, topic_list: Log(
        address=address, topics=tuple(topic_list), data=b"", log_index=0, transaction_index=0
    ),
    st.binary(min_size=20, max_size=20),
    st.lists(topics, max_size=4),
)


def naive_bloom(emitted: list[Log]) -> bytes:
    """Byte by byte, as Yellow Paper 4.3.1 words it."""
    bloom = bytearray(256)
    for log in emitted:
        for item in (log.address, *log.topics):
            digest = keccak(item)
            for pair in (0, 2, 4):
                bit = (digest[pair] * 256 + digest[pair + 1]) % 2048
                bloom[255 - bit // 8] |= 1 << (bit % 8)
    return bytes(bloom)


@settings(deadline=None)
@given(st.lists(logs, max_size=12))
def test_logs_bloom_of_any_logs_is_the_naive_one(emitted: list[Log]) -> None:
    assert logs_bloom(emitted) == naive_bloom(emitted)


def test_logs_bloom_of_nothing_is_all_zero() -> None:
    assert logs_bloom([]) == bytes(256)


def test_bloom_of_a_hundred_items_is_the_published_one() -> None:
    # From go-ethereum's own bloom test: the hash of the filter over a hundred numbered sentences.
    bits = 0
    for number in range(100):
        bits |= bloom_bits(b"xxxxxxxxxx data %d yyyyyyyyyyyyyy" % number)
    expected = "c8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263"
    assert keccak(bits.to_bytes(256, "big")).hex() == expected
