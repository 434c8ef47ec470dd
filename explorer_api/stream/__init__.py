"""What is committed, told to whoever listens, as it is committed (docs/streams.md)."""
