"""The commands of `pend-index`, one module per noun; each only wires parts together."""
