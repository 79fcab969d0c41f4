"""Copies of messages beside the bodies, from which messages come back that the database has lost."""
