"""SASL on a server: which mechanisms there are, which of them a channel may use, and an exchange from its first response to a user."""
