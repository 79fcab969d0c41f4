"""Rules of data leak prevention (DLP): which mails of a domain's senders are looked at more closely."""

from collections.abc import Sequence
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.expressions import LinearExpression

MAX_RULES = 1000
"""Rules of a domain."""
MAX_EXPRESSION_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class DlpRule:
    """A regular expression and what it is searched in: the sender (envelope and From), the recipients (envelope and header), the
    content (subject and texts)."""

    id: str
    expression: str
    explanation: str | None = None
    targets_sender: bool = False
    targets_recipients: bool = False
    targets_content: bool = False


def check_rules(rules: Sequence[DlpRule]) -> None:
    """Raises `InvalidArgument`."""
    if len(rules) > MAX_RULES:
        raise InvalidArgument(f"a domain has at most {MAX_RULES} rules")
    if len({rule.id for rule in rules}) < len(rules):
        raise InvalidArgument("'id' duplicates are not allowed in DLP rules")
    for rule in rules:
        if not rule.id:
            raise InvalidArgument("'id' is mandatory")
        if len(rule.expression) > MAX_EXPRESSION_CHARACTERS:
            raise InvalidArgument(f"an expression has at most {MAX_EXPRESSION_CHARACTERS} characters")
        LinearExpression(rule.expression)
