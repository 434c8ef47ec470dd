"""Which transactions an address sent, received, created a contract by, or was created by."""

from indexer.derive.derivation import SetBased, queries

ADDRESS_TRANSACTIONS = SetBased(
    name="address_transactions",
    tables=("address_transactions",),
    on_apply=(queries.apply_address_transactions,),
    on_revert=(queries.revert_address_transactions,),
)
