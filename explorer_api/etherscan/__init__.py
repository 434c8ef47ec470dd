"""/api?module=…&action=…: what clients of Etherscan expect, envelope and all."""
