"""The sample configuration bounds what a peer may send: SIZE (RFC 1870) and APPENDLIMIT (RFC 7889) are above 0."""

from pathlib import Path

from compostela.app.configuration.files import Reader
from compostela.base.settings import Node, Problems
from compostela.net.imap.settings import read_imap_settings
from compostela.net.lmtp.settings import read_lmtp_settings
from compostela.net.smtp.settings import read_smtp_settings

CONF = Path(__file__).parents[3] / "conf"
LIMIT = 50 * 1024 * 1024


def sample(name: str) -> Node:
    """With every server in effect."""
    text = (CONF / name).read_bytes().replace(b'enabled="false"', b'enabled="true"')
    root = Reader(Problems()).parse(name, text)
    assert root is not None
    return root


def test_every_server_of_the_sample_has_a_largest_message() -> None:
    problems = Problems()
    smtp = read_smtp_settings(sample("smtpserver.xml"), problems)
    lmtp = read_lmtp_settings(sample("lmtpserver.xml"), problems)
    imap = read_imap_settings(sample("imapserver.xml"), problems)
    assert [len(smtp), len(lmtp), len(imap)] == [3, 1, 2]
    sizes = [one.max_message_bytes for one in smtp] + [one.session.max_message_bytes for one in lmtp]
    assert {*sizes, *(one.max_literal_bytes for one in imap)} == {LIMIT}
