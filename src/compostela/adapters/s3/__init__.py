"""Bodies as objects of an S3 store."""
