"""What blocks mean, on a real EVM node: the database says what contracts and the node answer themselves.

One chain is played, indexed and asked once, at six moments; each test compares one thing at all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from eth_utils.crypto import keccak

from tests.acceptance import bytecode
from tests.acceptance.contracts import connected
from tests.acceptance.meaning_node import octets
from tests.acceptance.meaning_story import Story, told
from tests.anvil import require_anvil, running_anvil
from tests.database import DatabaseServer, fresh_database, server_in
from tests.database_homes import TIMESCALE


@pytest.fixture(scope="module")
def first_home(database_servers: dict[str, DatabaseServer], embedded_home: DatabaseServer) -> DatabaseServer:
    """TimescaleDB, where a reorg goes through chunks; without it the plain one."""
    try:
        return server_in(TIMESCALE, database_servers)
    except pytest.skip.Exception:
        return embedded_home


@pytest.fixture(scope="module")
def story(
    first_home: DatabaseServer, embedded_home: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    binary, folder = require_anvil(), tmp_path_factory.mktemp("story")
    with (
        running_anvil(binary) as anvil,
        _database(first_home) as first,
        _database(embedded_home) as late,
    ):
        yield told(connected(anvil), anvil, first, late, folder)


_database = contextmanager(fresh_database)


def test_token_balances_at_each_moment_are_what_the_contracts_answer(story: Story) -> None:
    for moment in story.moments:
        assert moment.stored.balances == moment.balances, moment.name
    assert {key[1] for key in story.at("resumed").balances} == {20, 721, 1155}
    assert len(story.at("resumed").balances) > 25
    # What the lost branch moved is not merely missing: other holders have other amounts.
    assert story.at("lost").balances.items() - story.at("replaced").balances.items()


def test_token_balances_of_nfts_at_each_moment_name_their_owners(story: Story) -> None:
    for moment in story.moments:
        deed = octets(moment.cast.deed.address)
        held = {key[3]: key[2] for key, had in moment.stored.balances.items() if key[0] == deed and had == 1}
        assert held == moment.owners, moment.name
    assert story.at("traded").owners.keys() == {0, 1, 3}
    assert story.at("lost").owners.keys() == {0, 3, 4}
    assert story.at("replaced").owners.keys() == {0, 1, 3, 4}


def test_tokens_at_each_moment_have_the_supply_holders_and_transfers_of_the_contracts(story: Story) -> None:
    for moment in story.moments:
        assert moment.stored.tokens == moment.tokens, moment.name
    twin = octets(story.at("lost").cast.twins[0].address)
    assert (twin, 20) in story.at("lost").tokens
    assert (twin, 1155) in story.at("resumed").tokens
    assert (twin, 20) not in story.at("resumed").stored.tokens


def test_addresses_at_each_moment_have_the_nonce_code_and_maker_that_the_node_knows(story: Story) -> None:
    for moment in story.moments:
        assert moment.stored.addresses == moment.addresses, moment.name
    assert any(row["created_by"] for row in story.at("resumed").addresses.values())


def test_decoded_events_at_each_moment_are_what_web3_decodes(story: Story) -> None:
    for moment in story.moments:
        assert moment.stored.events == moment.events, moment.name
        assert moment.stored.unknown == moment.unknown, moment.name
        assert moment.stored.undecodable == []
    abis = {row["abi"] for row in story.at("followed").events.values()}
    assert abis >= {
        "splitter_one", "splitter_two", "minter", "notes_one", "notes_two", "uniswap", "pair", "erc20", "erc721",
        "erc1155", "erc1967", "openzeppelin",
    }  # fmt: skip
    assert keccak(text=bytecode.ODDITY) in story.at("traded").unknown


def test_decoded_events_of_proxies_upgraded_within_a_block_are_read_by_both_abis(story: Story) -> None:
    followed = story.at("followed").stored.events
    cast = story.at("followed").cast

    def readings(proxy: str) -> list[list[str]]:
        """By block: the ABIs that read what is no upgrade, in the order of its logs."""
        blocks: dict[int, list[str]] = {}
        for (block, _), row in sorted(followed.items()):
            if row["address"] == octets(proxy) and row["abi"] not in {"erc1967", "openzeppelin"}:
                blocks.setdefault(block, []).append(row["abi"])
        return list(blocks.values())

    in_one_block = ["splitter_one", "minter", "minter"]
    assert readings(cast.transparent) == [["splitter_one"], in_one_block, ["splitter_two"]]
    assert readings(cast.behind) == [["splitter_one", "splitter_two"]]
    assert readings(cast.uups) == [["notes_one"], ["notes_one", "notes_two"]]
    assert readings(cast.clone) == [["splitter_one"], ["splitter_one"]]


def test_decoded_calls_at_each_moment_are_what_web3_decodes(story: Story) -> None:
    for moment in story.moments:
        assert moment.stored.calls == moment.calls, moment.name
    abis = {row["abi"] for row in story.at("resumed").calls.values()}
    assert abis >= {"splitter_one", "minter", "notes_one", "notes_two", "uniswap", "pair", "erc20", "erc1155"}


def test_proxies_at_each_moment_point_to_what_stands_in_their_slot(story: Story) -> None:
    for moment in story.moments:
        found = {proxy: moment.stored.implementations.get(proxy) for proxy in moment.implementations}
        assert found == moment.implementations, moment.name
    uups = octets(story.at("lost").cast.uups)
    assert story.at("lost").implementations[uups] != story.at("replaced").implementations[uups]


def test_factory_children_at_each_moment_are_the_pairs_of_the_factory(story: Story) -> None:
    for moment in story.moments:
        assert moment.stored.children == moment.children, moment.name
    assert len(story.at("resumed").children) == 3


def test_token_metadata_is_what_each_token_says_of_itself(story: Story) -> None:
    for moment in story.followed:
        assert moment.stored.metadata == moment.metadata, moment.name
    cast, found = story.at("resumed").cast, story.at("resumed").stored.metadata
    assert found[octets(cast.word.address)]["name"] == "Tethys"
    assert found[octets(cast.minted.address)]["name"] == "Mïnted"
    assert found[octets(cast.mute.address)]["state"] == "reverted"


def test_native_balances_are_those_of_the_node(story: Story) -> None:
    for moment in story.followed:
        assert moment.stored.native_balances == moment.native_balances, moment.name
        paid = {address for address, row in moment.addresses.items() if row["nonce"] or row["is_contract"]}
        assert moment.stored.native_balances.keys() >= paid


def test_contract_codes_are_those_of_the_node(story: Story) -> None:
    for moment in story.followed:
        assert moment.stored.codes == moment.codes, moment.name
        contracts = {address for address, row in moment.addresses.items() if row["is_contract"]}
        assert moment.stored.codes.keys() >= contracts
    assert Counter(row["kind"] for row in story.at("resumed").codes.values())["clone"] == 1


def test_internal_transfers_are_those_of_the_traces_and_explain_every_contracts_balance(story: Story) -> None:
    for moment in story.followed:
        assert moment.stored.internal_transfers == moment.internal_transfers, moment.name
        is_contract = {address for address, row in moment.addresses.items() if row["is_contract"]}
        expected = +moment.received
        for row in moment.stored.internal_transfers.values():
            if not row["failed"]:
                expected[row["to_address"]] += row["value"]
                expected[row["from_address"]] -= row["value"]
        had = {address: moment.stored.native_balances[address] for address in is_contract}
        assert had == {address: expected[address] for address in is_contract}, moment.name
    kinds = {(row["type"], row["failed"]) for row in story.at("lost").internal_transfers.values()}
    assert kinds == {("call", False), ("call", True), ("create", False)}
    assert story.without_abis is not None
    assert story.without_abis.stored.internal_transfers == story.at("resumed").internal_transfers


def test_late_database_without_abis_has_the_same_tokens_and_addresses(story: Story) -> None:
    late, early = story.without_abis, story.at("resumed")
    assert late is not None
    assert late.stored.events == late.events
    assert late.stored.unknown == late.unknown
    assert late.stored.calls == late.calls
    for table in ("balances", "tokens", "addresses", "implementations"):
        assert getattr(late.stored, table) == getattr(early.stored, table), table
    # Of an address that only the lost branch had, the early one keeps that there is nothing.
    assert late.stored.native_balances.items() <= early.stored.native_balances.items()
    assert late.stored.codes.items() <= early.stored.codes.items()


@pytest.mark.parametrize("which", ["from the start", "afterwards"])
def test_redecode_reads_every_event_and_call_by_the_abis_of_today(story: Story, which: str) -> None:
    events, unknown, calls = story.complete
    found = story.redecoded[which]
    assert found.events == events
    assert found.unknown == unknown
    assert found.calls == calls
    assert found.children == story.at("resumed").children


@pytest.mark.parametrize("when", ["verify", "verify late"])
def test_verify_finds_no_difference(story: Story, when: str) -> None:
    assert "difference" in story.outputs[when]
    assert story.outputs[when].count("no difference") == story.outputs[when].count("difference")
