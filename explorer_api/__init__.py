"""The read-only API of the explorer: JSON over HTTP, a live stream, and what clients of Etherscan expect."""
