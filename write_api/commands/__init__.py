"""Commands of pend-write, one file each."""
