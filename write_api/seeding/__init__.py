"""A development database, filled as people would fill it: the same for the same seed."""
