"""/explain: what the mail container would do with a mail."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.clock import Clock
from compostela.base.ids import new_id
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.attributes import HELO, SMTP_AUTH_USER
from compostela.core.mail.model import ROOT, Mail
from compostela.mime.headers import header_end
from compostela.mime.lines import with_crlf
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.explanation.explain import Explainer
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.json import JsonResponse, body_bytes

MAX_MESSAGE_BYTES = 50 * 1024 * 1024


class ExplanationRoutes:
    def __init__(self, explainer: Explainer, clock: Clock) -> None:
        self._explainer = explainer
        self._clock = clock

    def routes(self) -> list[Route]:
        return [Route("/explain", self.explain, methods=["POST"])]

    async def explain(self, request: Request) -> Response:
        """What the mail container would do with the message in the body, step by step, and where it would end for each recipient. Nothing is
        changed. `recipient` (one or several) is compulsory; `sender` is empty for the null sender; `remoteAddress`, `helo` and `user` (a login)
        say how the mail came; `state` is the processor that it enters, `root` by default."""
        query = request.query_params
        recipients = [MailAddress.parse(one) for one in query.getlist("recipient")]
        if not recipients:
            raise invalid("'recipient' query parameter is compulsory")
        sender = query.get("sender", "")
        octets = with_crlf(await body_bytes(request, MAX_MESSAGE_BYTES))
        end, now = header_end(octets), self._clock.now()
        mail = Mail(
            name=f"dry-run-{new_id()}",
            sender=MailAddress.parse(sender) if sender not in ("", "<>") else None,
            recipients=recipients,
            content=MessageContent(octets[:end], MemoryBody(octets[end:])),
            state=query.get("state", ROOT),
            remote_address=query.get("remoteAddress", "127.0.0.1"),
            arrived_at=now,
            last_updated_at=now,
        )
        if helo := query.get("helo"):
            mail.attributes[HELO] = helo
        if user := query.get("user"):
            mail.attributes[SMTP_AUTH_USER] = str(Username.parse(user))
        told = await self._explainer.explain(mail)
        return JsonResponse({
            "mails": [
                {
                    "name": one.name,
                    "sender": one.sender,
                    "recipients": one.recipients,
                    "steps": [
                        {
                            "processor": step.processor,
                            "matcher": step.matcher,
                            "mailet": step.mailet,
                            "matched": step.matched,
                            "recipients": step.recipients,
                            "effects": step.effects,
                            "changes": step.changes,
                        }
                        for step in one.steps
                    ],
                }
                for one in told.mails
            ],
            "ends": [{"recipient": one.recipient, "what": one.what} for one in told.ends],
            "complete": told.is_complete,
        })  # fmt: skip
