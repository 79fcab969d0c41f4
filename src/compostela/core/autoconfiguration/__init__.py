"""What the outside needs to know to use the server: its services, the documents that mail programs ask for."""
