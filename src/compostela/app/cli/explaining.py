"""`compostela explain`."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from compostela.app.cli.client import Client, fail, with_client


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "recipients", multiple=True, required=True, metavar="ADDRESS", help="A recipient; repeatable.")
@click.option("--from", "sender", default="", metavar="ADDRESS", help="The sender; without it the null sender.")
@click.option(
    "--address", default="127.0.0.1", show_default=True, help="The address of the client that gives the mail."
)
@click.option("--helo", default="", help="The name that the client gives.")
@click.option("--user", default="", help="The user that the client has logged in as.")
@click.option("--processor", default="root", show_default=True, help="The processor that the mail enters.")
@click.option("--hooks", is_flag=True, help="Ask the hooks of the SMTP server first.")
@click.option("--smtp-server", default=0, show_default=True, help="Whose hooks: its number in smtpserver.xml, from 0.")
@click.option("--tls", default="", help="The client's TLS version for the hooks, as TLSv1.3; none without it.")
@click.option("--mailet", default="", metavar="CLASS", help="Try this one mailet instead of the container.")
@click.option("--match", default="", help="Its matcher; All without it.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Its parameters; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Tell the matchers that match no recipient too.")
@with_client
def explain(
    client: Client,
    file: Path,
    recipients: tuple[str, ...],
    sender: str,
    address: str,
    helo: str,
    user: str,
    processor: str,
    hooks: bool,
    smtp_server: int,
    tls: str,
    mailet: str,
    match: str,
    parameters: tuple[str, ...],
    everything: bool,
) -> None:
    """Tell what the mail container would do with the message in FILE, and where it would end for each recipient. Nothing is
    changed. Mailets of your own are left out, for they may do anything."""
    try:
        message = file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    facts: dict[str, object] = {
        "sender": sender,
        "remoteAddress": address,
        "helo": helo,
        "user": user,
        "state": processor,
    }
    facts |= {"hooks": str(hooks).lower(), "smtpServer": smtp_server, "tls": tls, "mailet": mailet}
    facts |= {"match": match} if match else {}
    own = [(f"parameter.{name}", value) for name, _, value in (one.partition("=") for one in parameters)]
    query = urlencode([*facts.items(), *(("recipient", one) for one in recipients), *own])
    told = client.call("POST", f"/explain?{query}", message)
    client.show(told, _text(told, everything=everything))


def _text(told: dict[str, Any], *, everything: bool) -> str:
    lines = ["SMTP hooks"] if told["hooks"] else []
    lines += [
        f"  {one['step']} {one['recipient']}".rstrip() + f": {one['hook']}: {one['reply']}" for one in told["hooks"]
    ]
    for number, mail in enumerate(told["mails"], start=1):
        lines.append(f"mail {number}: from {mail['sender']} to {', '.join(mail['recipients'])}")
        processor = ""
        for step in mail["steps"]:
            if not step["matched"] and not everything:
                continue
            if step["processor"] != processor:
                processor = step["processor"]
                lines.append(f"  processor {processor}")
            lines.append(f"    {step['matcher']} -> {step['mailet']}{'' if step['matched'] else '  (no recipient)'}")
            lines += [f"        {what}" for what in (*step["effects"], *step["changes"])]
    lines.append("in the end")
    lines += [f"  {one['recipient']}: {one['what']}" for one in told["ends"]]
    if not told["complete"]:
        lines.append("  and more: the mail makes more mails than are followed")
    return "\n".join(lines)
