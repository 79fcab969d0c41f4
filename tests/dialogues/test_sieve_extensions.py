"""Scripts that ask the server: global scripts, external lists, special uses and annotations."""

from pathlib import Path

import pytest

from compostela.model.mailbox_path import MailboxPath
from compostela.testing.server import ANN, BOB, Server, running
from tests.dialogues.processing import messages
from tests.dialogues.sieve import deliver, in_mailbox, put

FRIENDS = "tag:example.com,2010-05-28:mylist"


async def make(server: Server, name: str) -> None:
    await server.under_test.services.mailboxes.system.find_or_create(MailboxPath.personal(BOB, name))


async def test_a_global_script_is_included_beside_a_personal_one_of_its_name(tmp_path: Path) -> None:
    """RFC 6609 §3.2: the two places are apart."""
    async with running(tmp_path, identity="disabled") as server:
        sieve = server.under_test.services.sieve
        await sieve.put_global("tests", b'require "fileinto"; if header :contains "subject" "g" { fileinto "Global"; }')
        await sieve.put(BOB, "tests", b'require "fileinto"; if header :contains "subject" "p" { fileinto "Personal"; }')
        await put(server, 'require "include"; include :personal "tests"; include :global "tests"; include "tests";')
        await deliver(server, "g")
        await deliver(server, "p")
        assert len(await in_mailbox(server, BOB, "Global")) == 1
        assert len(await in_mailbox(server, BOB, "Personal")) == 1


async def test_a_global_script_that_is_replaced_counts_for_the_next_mail(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        sieve = server.under_test.services.sieve
        await put(server, 'require "include"; include :global :optional "tests";')
        for number, text in enumerate((b"", b"discard;", b"keep;")):
            if text:
                await sieve.put_global("tests", text)
            await deliver(server, str(number))
        await sieve.delete_global("tests")
        await deliver(server, "3")
        assert len(await messages(server, BOB)) == 3


@pytest.mark.parametrize("book", [":addrbook:default", ":addrbook:Default", "urn:ietf:params:sieve:addrbook:default"])
async def test_known_senders_are_those_of_the_address_book(tmp_path: Path, book: str) -> None:
    """RFC 6134 §2.4, §2.6."""
    async with running(tmp_path, identity="disabled") as server:
        await server.under_test.services.sieve.put_list(BOB, ":addrbook:default", ["Ann@Example.ORG"])
        await put(
            server,
            f'require ["envelope", "extlists", "fileinto"];if envelope :list "from" "{book}" {{ fileinto "Known"; }}',
        )
        await deliver(server, "known", sender="ann@example.org")
        await deliver(server, "unknown", sender="eve@example.net")
        assert len(await in_mailbox(server, BOB, "Known")) == 1
        assert len(await messages(server, BOB)) == 1


async def test_an_address_book_that_nobody_filled_is_empty_and_valid(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server:
        await put(
            server,
            'require ["envelope", "extlists", "fileinto"];'
            'if allof (valid_ext_list ":addrbook:default", not valid_ext_list ":addrbook:friends",'
            'not envelope :list "from" ":addrbook:default") { fileinto "Right"; }',
        )
        await deliver(server)
        assert len(await in_mailbox(server, BOB, "Right")) == 1


async def test_mail_to_a_list_goes_to_its_members(tmp_path: Path) -> None:
    """RFC 6134 §2.8, the example of a mailing list: which senders may post, and which members it reaches."""
    async with running(tmp_path, identity="disabled") as server:
        await server.under_test.services.sieve.put_list(None, FRIENDS, ["ann@example.org", "no address"])
        await put(
            server,
            'require ["envelope", "extlists"];'
            f'if allof (envelope "to" "bob@example.org", envelope :list "from" "{FRIENDS}") {{ redirect :list "{FRIENDS}"; }}',
        )
        await deliver(server, "posted")
        (posted,) = await messages(server, ANN)
        assert b"Delivered-To: bob@example.org\r\n" in posted
        assert await messages(server, BOB) == []


@pytest.mark.parametrize("members", [[], ["no address"], [f"u{number}@example.org" for number in range(3)]])
async def test_mail_for_a_list_without_addresses_or_with_too_many_is_kept(tmp_path: Path, members: list[str]) -> None:
    files = {"sieve.properties": "run.listRecipients = 2\n"}
    async with running(tmp_path, identity="disabled", files=files) as server:
        await server.under_test.services.sieve.put_list(BOB, FRIENDS, members)
        await put(server, f'require "extlists"; redirect :list "{FRIENDS}";')
        await deliver(server)
        assert len(await messages(server, BOB)) == 1


@pytest.mark.parametrize(
    ("exists", "name", "wanted"),
    [
        (["Spam"], "Other", "Spam"),
        (["Other"], "Other", "Other"),
        ([], "Other", "Other"),
        (["Spam", "Other"], "Other", "Spam"),
    ],
)
async def test_mail_goes_to_the_mailbox_with_the_special_use_if_there_is_one(
    tmp_path: Path, exists: list[str], name: str, wanted: str
) -> None:
    """RFC 8579 §4."""
    async with running(tmp_path, identity="disabled") as server:
        for one in exists:
            await make(server, one)
        await put(
            server,
            f'require ["fileinto", "special-use", "mailbox"]; fileinto :specialuse "\\\\Junk" :create "{name}";',
        )
        await deliver(server)
        assert len(await in_mailbox(server, BOB, wanted)) == 1


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ('specialuse_exists "\\\\Junk"', True),
        ('specialuse_exists "\\\\junk"', True),
        ('specialuse_exists "Spam" "\\\\Junk"', True),
        ('specialuse_exists "INBOX/Spam" "\\\\Junk"', True),
        ('specialuse_exists "Spam" ["\\\\Junk", "\\\\Sent"]', False),
        ('specialuse_exists "Other" "\\\\Junk"', False),
        ('specialuse_exists "Missing" "\\\\Junk"', False),
        ('specialuse_exists "\\\\Archive"', False),
        ('specialuse_exists "\\\\Flagged"', False),
        ('metadata :is "Spam" "/private/specialuse" "\\\\Junk"', True),
        ('metadataexists "Spam" "/private/specialuse"', True),
        ('metadataexists "Other" "/private/specialuse"', False),
        ('metadata :is "INBOX" "/private/vendor/vendor.isode.com/auto-replies" "on"', False),
        ('metadataexists "INBOX" ["/private/comment"]', False),
        ('servermetadata :matches "/shared/admin" "mailto:postmaster@*"', True),
        ('servermetadata :matches "/private/vendor/vendor.isode.com/notification-uri" "*"', False),
        ('servermetadataexists "/shared/admin"', True),
        ('servermetadataexists ["/shared/admin", "/private/vendor/vendor.isode.com/notification-uri"]', False),
        ('mailboxexists ["Spam", "INBOX", "Other"]', True),
        ('mailboxexists ["Spam", "Missing"]', False),
    ],
)
async def test_special_uses_and_annotations(tmp_path: Path, test: str, holds: bool) -> None:
    """RFC 8579 §3, RFC 5490 §3, §4. There is no store of annotations: those that follow from something else exist."""
    async with running(tmp_path, identity="disabled") as server:
        await make(server, "Spam")
        await make(server, "Other")
        await put(
            server,
            'require ["fileinto", "special-use", "mailbox", "mboxmetadata", "servermetadata"];'
            f'if {test} {{ fileinto "Holds"; }}',
        )
        await deliver(server)
        assert bool(await in_mailbox(server, BOB, "Holds")) is holds
