"""Two layers of answers: in this process, and in Redis for all processes."""
