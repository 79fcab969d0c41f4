"""WebAdmin: the REST administration API, with James's routes, bodies and status codes."""
