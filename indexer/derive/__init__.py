"""What the facts mean, derived in block order behind a watermark (invariant 7); one file a derivation."""
