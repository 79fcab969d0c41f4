"""Open connections of clients, on this process and on others."""
