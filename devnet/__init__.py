"""A simulated Besu network for demonstrations, tests and benchmarks: one seed, one history."""
