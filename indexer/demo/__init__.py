"""`make demo`: the whole indexer on one machine, started, watched, checked and stopped.

The parts are the product's own commands as child processes; what is shown is read from the database
with SQL and from the daemon's /metrics.
"""
