"""Logs and calls, read by the ABIs that are known."""
