"""Contract ABIs: read from JSON, compiled into Python functions, one for each event, call and error.

What a compiled function accepts, and why, is in docs/decisions/0005-compiled-abi-decoders.md.
"""
