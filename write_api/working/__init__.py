"""The worker beside the API: what no request waits for."""
