"""The distributed edition against real engines: `make test-distributed`."""
