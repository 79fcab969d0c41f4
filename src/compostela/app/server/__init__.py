"""The server around the stores of an edition: rules, mail container, listeners, administration, health, life cycle."""
