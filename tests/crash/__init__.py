"""What remains when the process dies anywhere."""
