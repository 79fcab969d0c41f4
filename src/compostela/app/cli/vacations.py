"""`compostela vacation`."""

import datetime as dt
from typing import Any

import click

from compostela.app.cli.client import Client, fail, part, with_client


@click.group()
def vacation() -> None:
    """Automatic answers of users who are away."""


@vacation.command("show")
@click.argument("user")
@with_client
def show_vacation(client: Client, user: str) -> None:
    """Show the vacation of USER."""
    found = client.call("GET", f"/vacation/{part(user)}")
    client.show(found, _described(found))


@vacation.command("set")
@click.argument("user")
@click.option("--text", help="Text of the answer.")
@click.option("--html", help="HTML of the answer.")
@click.option("--subject", help="Subject of the answer; 'Re:' and the mail's own by default.")
@click.option("--from", "begins", metavar="TIME", help="First moment, as 2026-12-24 or 2026-12-24T18:00:00+01:00.")
@click.option("--to", "ends", metavar="TIME", help="Last moment; a date alone counts to its end.")
@click.option("--enable/--disable", default=True, show_default=True, help="Whether answers are sent.")
@with_client
def set_vacation(
    client: Client,
    user: str,
    text: str | None,
    html: str | None,
    subject: str | None,
    begins: str | None,
    ends: str | None,
    enable: bool,
) -> None:
    """Set the vacation of USER. What is not given stays as it is; a time without a zone is in the zone of this machine."""
    given = {
        "textBody": text,
        "htmlBody": html,
        "subject": subject,
        "fromDate": None if begins is None else _time(begins, "00:00:00"),
        "toDate": None if ends is None else _time(ends, "23:59:59"),
    }
    path = f"/vacation/{part(user)}"
    client.call(
        "POST", path, {"enabled": enable, **{name: value for name, value in given.items() if value is not None}}
    )
    found = client.call("GET", path)
    client.show(found, _described(found))


@vacation.command("clear")
@click.argument("user")
@with_client
def clear_vacation(client: Client, user: str) -> None:
    """End the vacation of USER and forget its texts."""
    client.call("DELETE", f"/vacation/{part(user)}")
    client.show({"user": user, "enabled": False}, f"mail to {user} is not answered any more")


def _time(text: str, time_of_day: str) -> str:
    try:
        return (
            dt.datetime.fromisoformat(f"{text}T{time_of_day}" if len(text) == len("2026-12-24") else text)
            .astimezone()
            .isoformat()
        )
    except ValueError:
        return fail(f"{text!r} is no time such as 2026-12-24 or 2026-12-24T18:00:00+01:00")


def _described(found: dict[str, Any]) -> str:
    """`found` is what WebAdmin tells."""
    lines = ["enabled" if found["enabled"] else "disabled"]
    lines += [f"{name}: {value}" for name, value in found.items() if name != "enabled" and value is not None]
    return "\n".join(lines)
