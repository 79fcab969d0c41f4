"""ClamAV's daemon clamd, over its own protocol."""
