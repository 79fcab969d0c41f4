"""Stores of the distributed edition in Cassandra."""
