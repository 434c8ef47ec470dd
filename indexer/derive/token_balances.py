"""What each holder has, and each token's holders, transfers, mints and burns, by the sum of its transfers."""

from indexer.derive.derivation import SetBased, queries

TOKEN_BALANCES = SetBased(
    name="token_balances",
    tables=("token_balances", "tokens"),
    on_apply=(queries.apply_token_balances,),
    on_revert=(queries.revert_token_balances,),
)
