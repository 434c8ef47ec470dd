"""What a client sends as a file: read as a stream, bounded, and looked at before it is believed."""
