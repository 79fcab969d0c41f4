"""What DNS says: records, policies, block lists."""
