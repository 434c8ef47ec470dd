"""Transfers of ERC-20, ERC-721 and ERC-1155 tokens, from the events that EIP-20, 721 and 1155 prescribe.

An event of the same name that is not laid out to the byte as the standard says is no transfer; its log stays.
"""

from indexer.derive.derivation import SetBased, queries

TOKEN_TRANSFERS = SetBased(
    name="token_transfers",
    tables=("token_transfers",),
    on_apply=(
        queries.apply_token_transfers,
        queries.apply_token_transfer_batches,
    ),
    on_revert=(queries.revert_token_transfers,),
)
