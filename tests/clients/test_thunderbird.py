"""Thunderbird: its assistant finds the settings, new mail appears by itself, messages are read and sent."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.sample import PASSWORD, SampleServer
from tests.clients.thunderbird import running_thunderbird

ALWAYS_STARTTLS = 2
PASSWORD_OVER_TLS = 3
SPACINGS = (0.0, 0.05, 0.1, 0.3, 0.6, 1.0)
BURST = 4
"""Mails of a burst. Their spacing in seconds decides within which command of Thunderbird's the server tells of them."""


@pytest.mark.runs("thunderbird", "Xvfb")
@pytest.mark.timeout(600)
def test_thunderbird(sample: SampleServer, make_user: Callable[[], str], tmp_path: Path) -> None:
    ann, bob = make_user(), make_user()
    with running_thunderbird(tmp_path) as thunderbird:
        thunderbird.trust(sample)
        chosen = thunderbird.add_account(sample, ann, PASSWORD)
        assert chosen["imap"][:2] == chosen["smtp"][:2] == [ALWAYS_STARTTLS, PASSWORD_OVER_TLS]
        thunderbird.show_inbox()
        due: list[str] = []
        for spacing in SPACINGS:
            for number in range(BURST):
                due.append(f"{number} of {BURST}, {spacing} s apart")
                sample.deliver(ann, due[-1])
                time.sleep(spacing)
            start = time.monotonic()
            assert sorted(thunderbird.shown(len(due))) == sorted(due)
            print(f"a burst {spacing} s apart is shown {time.monotonic() - start:.1f} s after its end")
        assert thunderbird.read(due[1]) == "Text."
        thunderbird.send(bob, "from Thunderbird", "Good day.")
        (message,) = sample.read(bob, 1)
        assert b"\r\nSubject: from Thunderbird\r\n" in message
        assert message.endswith(b"\r\n\r\nGood day.\r\n")
