"""The mailet and the matcher, by themselves."""

from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.testing.pipeline import BOB, mail_of, mailet, matcher, served, server_context

INVOICE = "Subject: Your invoice\r\n\r\nPay.\r\n"


async def test_a_note_is_added(tmp_path: Path) -> None:
    async with server_context(tmp_path) as context:
        made = mailet("examples.mailets.AddNote", context, note="Check it.")
        mail = await served(made, mail_of(INVOICE))
    assert mail.content.header == b"Subject: Your invoice\r\nX-Note: Check it.\r\n\r\n"


async def test_a_mailet_without_its_note_is_an_error_of_check(tmp_path: Path) -> None:
    async with server_context(tmp_path) as context:
        with pytest.raises(InvalidArgument, match="needs 'note'"):
            mailet("examples.mailets.AddNote", context)


@pytest.mark.parametrize(("condition", "matched"), [("INVOICE", [BOB]), ("offer", [])])
async def test_a_subject_is_matched_in_any_case(tmp_path: Path, condition: str, matched: list[str]) -> None:
    async with server_context(tmp_path) as context:
        found = await matcher(f"examples.mailets.SubjectContains={condition}", context).match(mail_of(INVOICE))
    assert [str(one) for one in found or ()] == matched
