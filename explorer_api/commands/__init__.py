"""Commands of pend-explorer, one file each."""
