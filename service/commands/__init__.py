"""What the commands of every program have in common."""
