"""Etherscan's API: clients written for it work when their base URL is changed.

Parameters, fields and the envelope are Etherscan's (`tokenlist`, `listaccounts`, `pendingtxlist`, `getToken`,
`getTokenHolders`, `listcontracts`, `gettxinfo`, `eth_block_number` and `totalfees` are Blockscout's). Every
answer is HTTP 200; `status` 0 is a refusal, with its reason in `result`, or a list without rows. `page` and
`offset` reach 10,000 rows. What differs:

- Prices and the supply of the native coin are refused: a private network has no market, and what its genesis
  granted is not indexed. `TokenPriceUSD` is 0.
- `blockReward` is what the transactions paid above the base fee.
- `balance` is as it was last read from the node, or as the node says now; older ones are the node's alone.
- Balances and holders of tokens are sums of transfers. The header `Pend-Complete` names the blocks for which
  derived lists and sums are whole.
- `getabi` answers the ABI that an operator registered for the contract, its factory, or what it points
  to. Sources are not kept, and nothing is verified.
- `txlistinternal` knows traced blocks only; `gas` and `input` are empty.
- `getLogs` without an address spans a bounded number of blocks, and writes 0 as `0x0`.
- `module=proxy` passes reads on to the node; `gas` is at most 50,000,000, and nothing is sent.
"""
