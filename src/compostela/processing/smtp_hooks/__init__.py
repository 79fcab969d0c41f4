"""The packaged SMTP hooks."""
