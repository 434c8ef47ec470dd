"""What a node does in bad weather: faults served on command, by schedule or by seed (docs/devnet.md)."""
