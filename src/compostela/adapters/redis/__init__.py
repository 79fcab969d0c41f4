"""Short-lived counters that the nodes of a cluster share, in Redis."""
