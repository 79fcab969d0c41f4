"""`python -m compostela.app.supervisor DESCRIPTOR [--json]`: begins in place of `compostela serve`, with its plan in an open file."""

import gc
import os
import sys

from compostela.app.supervisor.plan import Plan
from compostela.app.supervisor.sockets import ServerSockets
from compostela.app.supervisor.supervisor import EXIT_FAILURE, Supervisor
from compostela.base.listening import BindError
from compostela.base.log import start_logging
from compostela.base.log_levels import LogLevels, read_levels
from compostela.base.service_manager import handed_sockets


def main() -> int:
    """Returns the exit status."""
    descriptor, *options = sys.argv[1:]
    with os.fdopen(int(descriptor), "rb") as file:
        file.seek(0)
        plan = Plan.decode(file.read())
    as_json = "--json" in options
    levels = [option.removeprefix("--log-level=") for option in options if option.startswith("--log-level=")]
    listener = start_logging(LogLevels({}, read_levels(levels)), json=as_json)
    try:
        supervisor = Supervisor(plan, ServerSockets(handed_sockets()))
    except BindError as error:
        listener.stop()
        print(f"compostela: {error}", file=sys.stderr)
        return EXIT_FAILURE
    gc.collect()
    status = supervisor.run()
    listener.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
