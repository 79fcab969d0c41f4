"""What a next hop answers, as the reason of a refusal."""

from compostela.core.outbound.ports import Refusal
from compostela.protocols.smtp.client_reply import Reply


def refusal_of(reply: Reply, *, is_of_host: bool = False) -> Refusal:
    """`reply` is not positive. One that is out of place says nothing of the mail."""
    if reply.is_refusal:
        return Refusal(reply.code, reply.text, is_of_host=is_of_host, enhanced=reply.enhanced)
    return Refusal(0, f"an answer out of place: {reply.text}", is_of_host=is_of_host)
