"""What is asked of the node beside the facts, each by a worker of its own that never holds up the head."""
