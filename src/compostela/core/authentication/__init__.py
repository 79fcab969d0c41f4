"""Authentication of clients, delegation between users, and protection against password guessing."""
