"""A node whose clock is wrong: `python -m tests.chaos.node SECONDS serve …` runs `compostela serve …` with a clock that many
seconds ahead.

Only our own clock is changed. S3 refuses requests that are signed with a time more than 15 minutes off, so a machine whose clock is an
hour off would have no bodies at all: that is a fault of S3, which the harness draws by itself."""

import sys
import time

from compostela.app.cli import main
from compostela.base.clock import SystemClock


def set_ahead(seconds: float) -> None:
    machine = time.time
    SystemClock.now = staticmethod(lambda: machine() + seconds)


if __name__ == "__main__":
    set_ahead(float(sys.argv.pop(1)))
    main(prog_name="compostela")
