"""The checks of a running server from outside: `compostela doctor` and the DNS records to publish."""
