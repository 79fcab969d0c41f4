"""One module a resource; each has a `routes(...)` function that gives Starlette routes."""
