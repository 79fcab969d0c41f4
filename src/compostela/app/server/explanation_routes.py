"""/explain: what the mail container would do with a mail."""

from collections.abc import Sequence

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.app.server.hook_rehearsal import Connection, HookRehearsal, HookStep
from compostela.base.clock import Clock
from compostela.base.ids import new_id
from compostela.base.settings import Node, Place
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.attributes import HELO, SMTP_AUTH_USER, SMTP_IS_AUTH_NETWORK
from compostela.core.mail.model import ERROR, ROOT, Mail
from compostela.mime.headers import header_end
from compostela.mime.lines import with_crlf
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.explanation.explain import Explainer
from compostela.processing.explanation.model import End, Explanation
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.json import JsonResponse, body_bytes
from compostela.web.webadmin.parameters import boolean_of

MAX_MESSAGE_BYTES = 50 * 1024 * 1024
PARAMETER = "parameter."


class ExplanationRoutes:
    def __init__(self, explainer: Explainer, rehearsals: Sequence[HookRehearsal], clock: Clock) -> None:
        """`rehearsals` are those of the SMTP servers, in the order of the configuration."""
        self._explainer = explainer
        self._rehearsals = rehearsals
        self._clock = clock

    def routes(self) -> list[Route]:
        return [Route("/explain", self.explain, methods=["POST"])]

    async def explain(self, request: Request) -> Response:
        """What the mail container would do with the message in the body, step by step, and where it would end for each recipient.
        Nothing is changed. `recipient` (one or several) is compulsory; `sender` is empty for the null sender; `remoteAddress`,
        `helo` and `user` (a login) say how the mail came; `state` is the processor that it enters, `root` by default. With
        `hooks=true` the hooks of an SMTP server are asked first (`smtpServer` is its number, 0 by default; `tls` the version of
        TLS, none by default); the recipients that they refuse go no further. With `mailet`, and maybe `match`, the mail meets this
        one mailet alone; parameters that begin with `parameter.` are its children."""
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
            recipients=list(recipients),
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
        elif self._rehearsals and self._rehearsal(query).is_authorized(mail.remote_address):
            mail.attributes[SMTP_IS_AUTH_NETWORK] = True
        steps: list[HookStep] = []
        refused: list[End] = []
        if boolean_of(request, "hooks", False):
            steps = await self._rehearsal(query).rehearse(mail, _connection(query))
            refused = [
                End(
                    str(one),
                    next((step.reply for step in reversed(steps) if step.recipient in ("", str(one))), "refused"),
                )
                for one in recipients
                if one not in mail.recipients
            ]
        container = _one_mailet(query, mail) if query.get("mailet") else None
        told = await self._explainer.explain(mail, container) if mail.recipients else Explanation()
        told.ends[:0] = refused
        return JsonResponse({
            "hooks": [
                {"step": one.step, "hook": one.hook, "recipient": one.recipient, "reply": one.reply} for one in steps
            ],
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

    def _rehearsal(self, query: QueryParams) -> HookRehearsal:
        number = query.get("smtpServer", "0")
        if not number.isdecimal() or int(number) >= len(self._rehearsals):
            raise invalid(f"There is no SMTP server {number}: they are numbered from 0")
        return self._rehearsals[int(number)]


def _connection(query: QueryParams) -> Connection:
    user = query.get("user")
    return Connection(
        query.get("remoteAddress", "127.0.0.1"),
        query.get("helo", ""),
        query.get("tls", ""),
        Username.parse(user) if user else None,
    )


def _one_mailet(query: QueryParams, mail: Mail) -> Node:
    """A container whose root processor has the one mailet."""
    place = Place("the request")
    children = [
        Node(key.removeprefix(PARAMETER), place, text) for key, text in query.multi_items() if key.startswith(PARAMETER)
    ]
    given = {"class": query["mailet"], "match": query.get("match", "All")}
    mail.state = ROOT
    tried = Node("mailet", place, attributes=given, children=children)
    processors = [
        Node("processor", place, attributes={"state": ROOT}, children=[tried]),
        Node("processor", place, attributes={"state": ERROR}),
    ]
    return Node("mailetcontainer", place, children=[Node("processors", place, children=processors)])
