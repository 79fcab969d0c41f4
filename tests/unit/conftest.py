"""Property tests take their time: a slow machine is no failure. They try the same examples every time, so that a failure comes with the
change that brought it; `tests.fuzz.run` looks for new ones."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None, database=None, derandomize=True)
settings.load_profile("unhurried")
