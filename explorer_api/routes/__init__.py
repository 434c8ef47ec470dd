"""Routes, one file a noun: parse, read, answer."""
