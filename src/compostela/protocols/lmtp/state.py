"""Which command is allowed in which state of an LMTP session: as in SMTP, with LHLO as the greeting (RFC 2033 §4.1)."""

from compostela.protocols.lmtp import replies
from compostela.protocols.smtp.state import SMTP, Refusals, State

LMTP: Refusals = {**SMTP, "MAIL": {**SMTP["MAIL"], State.START: replies.LHLO_FIRST}}
