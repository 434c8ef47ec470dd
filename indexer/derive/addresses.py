"""Each address, and the network per hour and day: who is active or new follows from when each was seen last.

Of an address: first and last seen, counts, next nonce, whether it is a contract and who created it. Of the
network: activity, fees, gas, mean block time and its worst gap, by block time in UTC.
"""

from indexer.derive.derivation import SetBased, queries

ADDRESSES = SetBased(
    name="addresses",
    tables=("addresses", "network_hourly", "network_daily"),
    on_apply=(queries.apply_addresses,),
    on_revert=(queries.revert_addresses, queries.delete_network_hours, queries.delete_network_days),
)
