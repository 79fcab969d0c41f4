"""Forms that the server posts to programs of the operator."""
