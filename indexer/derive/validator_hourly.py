"""What each validator did per hour of block time: blocks proposed, proposals missed, blocks sealed.

Reads the rows of `consensus_rounds` within its range, so it stands after that.
"""

from indexer.derive.derivation import SetBased, queries

VALIDATOR_HOURLY = SetBased(
    name="validator_hourly",
    tables=("validator_hourly",),
    on_apply=(queries.apply_validator_hourly,),
    on_revert=(
        queries.revert_validator_hourly,
        queries.delete_validator_hourly,
    ),
)
