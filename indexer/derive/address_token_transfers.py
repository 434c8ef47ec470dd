"""Which token transfers an address sent or received."""

from indexer.derive.derivation import SetBased, queries

ADDRESS_TOKEN_TRANSFERS = SetBased(
    name="address_token_transfers",
    tables=("address_token_transfers",),
    on_apply=(queries.apply_address_token_transfers,),
    on_revert=(queries.revert_address_token_transfers,),
)
