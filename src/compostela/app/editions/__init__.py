"""The editions: which adapters implement the ports."""
