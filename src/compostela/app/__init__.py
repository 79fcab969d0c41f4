"""The application: configuration files, editions, life cycle, command line."""
