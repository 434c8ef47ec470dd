"""What every HTTP program of ours has in common; each has its own edge and its own routes."""
