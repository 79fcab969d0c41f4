"""Exchanges of message brokers, to which the server publishes for programs of the operator."""
