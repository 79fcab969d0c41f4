"""`compostela restart`."""

import time

import click

from compostela.app.cli.client import Client, fail, with_client
from compostela.app.cli.progress import busy

LOOK_SECONDS = 0.2
WAIT_SECONDS = 310.0
"""A little longer than the supervisor waits for new workers."""


@click.command()
@click.option("--no-wait", is_flag=True, help="End when the configuration is found to be right.")
@with_client
def restart(client: Client, no_wait: bool) -> None:
    """Put new worker processes, with the configuration and code that are there now, in the place of all, without refusing a
    connection. The present ones end when the new ones are ready. The exit status is 1 if that does not come about; then the present
    ones go on."""
    number = client.call("POST", "/servers/restart")["number"]
    if no_wait:
        client.show(
            {"restarting": True}, "the configuration is right; new workers start, and the present ones end after that"
        )
        return
    end = time.monotonic() + WAIT_SECONDS
    with busy("new workers start", wanted=not client.as_json):
        # a worker that has not heard of it yet may answer
        while (last := client.call("GET", "/servers/restart"))["number"] < number or not last["isOver"]:
            if time.monotonic() > end:
                fail("the supervisor does not say what became of the restart: see the log")
            time.sleep(LOOK_SECONDS)
    if last["problem"] is not None:
        fail(last["problem"])
    client.show(
        {"restarted": True}, "new workers have taken over; the sessions of those before have ten seconds to end"
    )
