"""PURE: one stored block against its header hash, its roots, its bloom, its seals and its counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evm.blocks import Header, Log, Withdrawal
from evm.bloom import logs_bloom
from evm.consensus import Consensus, committers, detect_consensus, header_fields, header_hash, validators
from evm.primitives import EMPTY_UNCLES_HASH, Hash32
from evm.rlp import encode, encode_bytes, encode_int, wrap_list
from evm.tries import ordered_root, withdrawals_root
from indexer.stored import Row, to_header, to_log, to_withdrawals
from indexer.verify.findings import Findings
from indexer.verify.transactions import GAS_PER_BLOB, Outcome, check_transaction

_NO_UNCLES = wrap_list(b"")
_LIST_PREFIX = 0xC0  # a legacy envelope stands in the block as the list it is, a typed one as a string


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """All rows of one block, each kind in the order of its index."""

    number: int
    row: Row
    transactions: Sequence[Row]
    logs: Sequence[Row]


def check_block(stored: StoredBlock, *, network_chain_id: int | None = None) -> Findings:
    """Everything that the rows of one block say about one another; links are `check_link`'s."""
    findings = Findings(stored.number)
    row = stored.row
    findings.require("block_location", stored.number, row["located_number"])
    findings.require("transaction_count", len(stored.transactions), row["transaction_count"])
    findings.require("log_count", len(stored.logs), row["log_count"])
    header = _check_header(findings, row)
    logs, logs_complete = _read_logs(findings, stored.logs)
    outcomes = _check_transactions(findings, stored.transactions, logs, header, network_chain_id)
    withdrawals, withdrawals_known = _read_withdrawals(findings, row)
    if header is None:
        return findings
    _check_gas(findings, header, stored.transactions, outcomes)
    if logs_complete:
        findings.require("logs_bloom", logs_bloom(logs), header.logs_bloom)
    _check_roots(findings, header, outcomes, logs_complete=logs_complete)
    if withdrawals_known:
        root = None if withdrawals is None else withdrawals_root(withdrawals)
        findings.require("withdrawals_root", root, header.withdrawals_root)
    envelopes = [outcome.envelope for outcome in outcomes if outcome.envelope is not None]
    if withdrawals_known and len(envelopes) == len(outcomes) and not row["uncles"]:
        _check_size(findings, header, envelopes, withdrawals, row["size"])
    return findings


def check_link(findings: Findings, row: Row, parent: Row) -> None:
    """A block and the one below it: the link (invariant 2), and the difficulty that adds up."""
    findings.require("parent_hash", parent["hash"], row["parent_hash"])
    total, parent_total = row["total_difficulty"], parent["total_difficulty"]
    # Nodes leave the total out after the merge, some of them always: only what is there must add up.
    if total is not None and parent_total is not None:
        findings.require("total_difficulty", parent_total + row["difficulty"], total)


def check_genesis(findings: Findings, row: Row, genesis_hash: Hash32 | None) -> None:
    """Block 0 is the one recorded (invariant 9). A genesis file may name any parent; its hash covers it."""
    findings.require("genesis_hash", genesis_hash, row["hash"])
    if row["total_difficulty"] is not None:
        findings.require("total_difficulty", row["difficulty"], row["total_difficulty"])


def _check_header(findings: Findings, row: Row) -> Header | None:
    try:
        header = to_header(row)
    except ValueError as error:
        findings.differ("malformed", "a header as the node sent it", error)
        return None
    consensus = detect_consensus(header)
    try:
        findings.require("header_hash", header_hash(header, consensus), row["hash"])
    except ValueError as error:
        findings.differ("header_hash", f"a header that can be hashed by the rules of {consensus}", error)
    _check_seals(findings, header, consensus)
    if (header.sha3_uncles == EMPTY_UNCLES_HASH) != (not row["uncles"]):
        findings.differ("uncles", f"what sha3Uncles 0x{header.sha3_uncles.hex()} stands for", row["uncles"])
    return header


def _check_seals(findings: Findings, header: Header, consensus: Consensus) -> None:
    """A BFT hash leaves out round and seals; what the validators signed covers them.

    Two thirds of the validators, rounded up, seal a block. Where a contract names the validators, the
    header does not list them and there is nothing to compare with.
    """
    if consensus not in (Consensus.QBFT, Consensus.IBFT2) or header.number == 0:
        return
    try:
        listed = set(validators(header, consensus))
        if not listed:
            return
        signers = committers(header, consensus)
    except ValueError as error:
        findings.differ("seals", "seals that recover to validators", error)
        return
    strangers = set(signers) - listed
    if strangers or len(set(signers)) != len(signers):
        shown = ", ".join(f"0x{signer.hex()}" for signer in signers)
        findings.differ("seals", f"one seal each of the {len(listed)} validators listed", f"those of {shown}")
    quorum = -(-2 * len(listed) // 3)
    if len(signers) < quorum:
        findings.differ("seals", f"at least {quorum}", len(signers))


def _read_logs(findings: Findings, rows: Sequence[Row]) -> tuple[list[Log], bool]:
    logs: list[Log] = []
    below = 0
    for position, row in enumerate(rows):
        where = f"log {row['log_index']}"
        if row["log_index"] != position:
            findings.differ("log_index", position, row["log_index"], where)
        if row["transaction_index"] < below:
            findings.differ(
                "log_transaction", f"transaction {below} or later", row["transaction_index"], where
            )
        below = row["transaction_index"]
        try:
            logs.append(to_log(row))
        except ValueError as error:
            findings.differ("malformed", "a log as the node sent it", error, where)
    return logs, len(logs) == len(rows)


def _check_transactions(
    findings: Findings,
    rows: Sequence[Row],
    logs: Iterable[Log],
    header: Header | None,
    network_chain_id: int | None,
) -> list[Outcome]:
    by_transaction: dict[int, list[Log]] = {row["transaction_index"]: [] for row in rows}
    for log in logs:
        emitted = by_transaction.get(log.transaction_index)
        if emitted is None:
            stored = f"transaction {log.transaction_index}"
            findings.differ("log_transaction", "a stored transaction", stored, f"log {log.log_index}")
        else:
            emitted.append(log)
    outcomes = []
    for position, row in enumerate(rows):
        index = row["transaction_index"]
        if index != position:
            findings.differ("transaction_index", position, index, f"transaction {index}")
        outcomes.append(check_transaction(findings, row, by_transaction[index], header, network_chain_id))
    return outcomes


def _read_withdrawals(findings: Findings, row: Row) -> tuple[tuple[Withdrawal, ...] | None, bool]:
    try:
        return to_withdrawals(row), True
    except ValueError as error:
        findings.differ("malformed", "withdrawals as the node sent them", error)
        return None, False


def _check_gas(findings: Findings, header: Header, rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    # Since EIP-7778 (it comes with EIP-7928) cumulative gas counts what refunds give back, gas_used does not.
    sums = header.block_access_list_hash is None
    cumulative = blob_gas = 0
    blob_prices: set[int] = set()
    for row, outcome in zip(rows, outcomes, strict=True):
        receipt = outcome.receipt
        if receipt is None:
            return
        if sums:
            where = f"transaction {row['transaction_index']}"
            findings.require("receipt_gas", receipt.cumulative_gas_used - cumulative, receipt.gas_used, where)
        cumulative = receipt.cumulative_gas_used
        blob_gas += GAS_PER_BLOB * len(row["blob_versioned_hashes"] or ())
        if receipt.blob_gas_price is not None:  # anvil says it on every receipt, Besu on blob transactions
            blob_prices.add(receipt.blob_gas_price)
    findings.require("gas_used", cumulative, header.gas_used)
    if header.blob_gas_used is not None and not findings.unverifiable:
        findings.require("blob_gas_used", blob_gas, header.blob_gas_used)
    if len(blob_prices) > 1:
        findings.differ("blob_gas_price", "one price for the whole block", sorted(blob_prices))


def _check_roots(
    findings: Findings, header: Header, outcomes: Sequence[Outcome], *, logs_complete: bool
) -> None:
    """Where a part cannot be encoded, its own difference stands for the root's."""
    if findings.unverifiable:
        return
    envelopes = [outcome.envelope for outcome in outcomes if outcome.envelope is not None]
    if len(envelopes) == len(outcomes):
        findings.require("transactions_root", ordered_root(envelopes), header.transactions_root)
    receipts = [outcome.receipt_envelope for outcome in outcomes if outcome.receipt_envelope is not None]
    if len(receipts) == len(outcomes) and logs_complete:
        findings.require("receipts_root", ordered_root(receipts), header.receipts_root)


def _check_size(
    findings: Findings,
    header: Header,
    envelopes: Sequence[bytes],
    withdrawals: Sequence[Withdrawal] | None,
    stored: int,
) -> None:
    """Nodes call the bytes of the block in RLP its size; anvil does not count withdrawals."""
    body = [item if item[0] >= _LIST_PREFIX else encode_bytes(item) for item in envelopes]
    parts = encode(header_fields(header)) + wrap_list(b"".join(body)) + _NO_UNCLES
    whole = parts
    if withdrawals is not None:
        whole += encode([_withdrawal_items(withdrawal) for withdrawal in withdrawals])
    size = len(wrap_list(whole))
    if stored != size and stored != len(wrap_list(parts)):
        findings.differ("size", size, stored)


def _withdrawal_items(withdrawal: Withdrawal) -> list[bytes]:
    return [
        encode_int(withdrawal.index),
        encode_int(withdrawal.validator_index),
        withdrawal.address,
        encode_int(withdrawal.amount),
    ]
