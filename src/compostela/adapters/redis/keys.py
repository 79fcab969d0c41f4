"""The names of keys."""

PREFIX = "compostela"
"""Before each key, so that several programs may share a database."""

EXPIRY_MARGIN_SECONDS = 60
"""A key stays for this long after its time: the clocks of nodes differ. Redis's expiry only tidies up; the time is in the value."""
