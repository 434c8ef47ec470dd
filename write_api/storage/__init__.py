"""Where encrypted documents lie: a folder or an S3-compatible bucket."""
