"""`python -m compostela.app.supervisor DESCRIPTOR [--json]`: begins in place of `compostela serve`, with its plan in an open file."""

import gc
import os
import sys
from logging.handlers import QueueListener

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
        # not before: another server that runs on the data folder has the ports
        plan.remove_stale_files()
    except BindError as error:
        return _failure(listener, str(error))
    except OSError as error:
        return _failure(listener, f"{error.filename} cannot be removed: {error.strerror}")
    gc.collect()
    status = supervisor.run()
    listener.stop()
    return status


def _failure(listener: QueueListener, problem: str) -> int:
    listener.stop()
    print(f"compostela: {problem}", file=sys.stderr)
    return EXIT_FAILURE


if __name__ == "__main__":
    sys.exit(main())
