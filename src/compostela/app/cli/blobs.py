"""`compostela blob`."""

from urllib.parse import urlencode

import click

from compostela.app.cli.client import Client, with_client


@click.group()
def blob() -> None:
    """Octets that are stored for messages and other parts."""


@blob.command("collect")
@with_client
def collect(client: Client) -> None:
    """Remove octets that nothing refers to.

    What loses its last reference is found by one collection and removed by a later one, so that a reader can finish. The server
    collects by itself every hour."""
    about = client.run_task("DELETE", "/blobs?scope=unreferenced")["additionalInformation"]
    client.show(about, f"{about['gcedBlobCount']} of {about['blobCount']} blobs removed")


@blob.command("restore-messages")
@click.option("--restore-after", metavar="TIME", help="Only copies written since, such as 2026-12-24T18:00:00+01:00.")
@click.option("--header-blob-prefix", metavar="HEX", default="", help="Only messages whose ids begin with it.")
@click.option("--concurrency", type=click.IntRange(1, 100), default=8, show_default=True)
@with_client
def restore_messages(client: Client, restore_after: str | None, header_blob_prefix: str, concurrency: int) -> None:
    """Bring back messages that the database has lost, from their recovery copies.

    They come into the mailboxes to which they came first, or, where there is none of that name now, into Restored-messages of their owners. Copies are written if `mailbox.blob.recovery.mode` of
    cassandra.properties says so."""
    chosen = {"headerBlobPrefix": header_blob_prefix, "concurrency": str(concurrency)}
    if restore_after is not None:
        chosen["restoreAfter"] = restore_after
    about = client.run_task("POST", f"/recovery?{urlencode(chosen)}")["additionalInformation"]
    restored, failed = about["restoredMessageCount"], about["failedMessageCount"]
    elsewhere = about["withoutMailboxCount"]
    client.show(
        about,
        f"{restored} messages restored, {elsewhere} of them into Restored-messages since their mailboxes are gone; "
        f"{failed} could not be; {about['presentMessageCount']} are there",
    )
