"""The kit for tests of extensions, which ships with the server: a whole server in the test, conversations at the wire, a clock that is set by hand, a
name server that answers from a table. The server's own tests use it.

The page `docs/developers/testing.md` shows it. No module here imports pytest. The server never imports this package.
"""
