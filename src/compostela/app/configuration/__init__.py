"""Reading the configuration folder."""
