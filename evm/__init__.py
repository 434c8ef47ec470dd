"""Pure values and codecs of an EVM chain: blocks, envelopes, tries, consensus headers.

Imports nothing of ours and does no I/O. Malformed input raises a ValueError that says what and where.
"""
