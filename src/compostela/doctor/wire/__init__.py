"""What is found out over the wire: each check is a module with one idea. Only DNS is asked of others."""
