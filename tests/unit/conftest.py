"""Property tests have no time limit for one example: the machine may be busy with other tests."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None, database=None)
settings.load_profile("unhurried")
