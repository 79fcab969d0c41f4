"""`compostela trace`."""

from typing import Any

import click

from compostela.app.cli.client import Client, part, printable, with_client


@click.command()
@click.argument("id")
@with_client
def trace(client: Client, /, id: str) -> None:
    """Tell what happened to the mail ID: its name (`compostela queue show`, `mail` in the log), or the trace id in the log, which
    covers all mails of its SMTP session. Each step that changed something, each delivery attempt, and where it ended for each
    recipient."""
    told = client.call("GET", f"/traces/{part(id).replace('/', '%2F')}")
    client.show(told, _text(told))


def _text(told: dict[str, Any]) -> str:
    lines, mail = [], ""
    for event in told["events"]:
        if event["mail"] != mail:
            mail = event["mail"]
            lines.append(mail)
        where = " ".join(one for one in (event["place"], event["by"]) if one)
        lines.append(f"  {event['time']}  {event['what']}{f': {where}' if where else ''}")
        if event["recipients"]:
            lines.append(f"      {', '.join(event['recipients'])}")
        lines += [f"      {printable(' '.join(one.split()))}" for one in event["detail"]]
    return "\n".join(lines)
