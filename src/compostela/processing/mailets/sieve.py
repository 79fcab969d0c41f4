"""Sieve: runs the active script of each recipient (RFC 5228)."""

import datetime as dt
import logging

from compostela.base.concurrency import side_by_side
from compostela.base.errors import CompostelaError, QuotaExceeded, TemporaryFailure
from compostela.core.mail.attributes import DSN_NOTIFY
from compostela.core.mail.model import GHOST, Mail
from compostela.core.sieve.model import StoredScript
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.delivery_reports import DELIVERED, enqueue_report
from compostela.processing.mailet import Mailet
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.retries import with_retries
from compostela.processing.sieve_actions import SIEVE_NOTIFICATION, Execution
from compostela.processing.sieve_host import DUPLICATE, Answers, MailOfScript, StoreHost, mark_of
from compostela.sieve.actions import FileInto, Keep
from compostela.sieve.errors import ScriptError
from compostela.sieve.host import Envelope
from compostela.sieve.run import Outcome

_log = logging.getLogger(__name__)

DUPLICATE_SECONDS = 7 * 86_400
"""How long `duplicate` remembers a message, if the script does not say (RFC 7352 §3.2)."""


class Sieve(Mailet):
    """Runs the active Sieve script of each recipient and carries its actions out. Recipients without an active script stay
    in the mail for `LocalDelivery`, and so do those whose scripts keep it as it is. A script that fails keeps the mail, and its
    owner is told by mail. If a store is away, the run is tried again a few times; then the mail is kept."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.attributes.get(SIEVE_NOTIFICATION) is True:
            return
        recipients = list(mail.recipients)
        kept = await side_by_side(recipients, lambda one: self._is_kept(mail, one, run))
        mail.recipients = [one for one, is_kept in zip(recipients, kept, strict=True) if is_kept]
        if not mail.recipients:
            mail.state = GHOST

    async def _is_kept(self, mail: Mail, recipient: MailAddress, run: PipelineRun) -> bool:
        """Whether the pipeline goes on with this recipient. Other recipients get their mail whatever happens for this one."""
        user = self.context.users.name_of(recipient)
        if user is None:
            return True
        try:
            # safe to do again: every action has its key, and the same one each time (`again`)
            return await with_retries(lambda: self._filter(mail, recipient, user, run))
        except Exception as error:
            _log.exception(
                "the actions of a script failed; the mail is kept",
                extra={"mail": mail.name, "recipient": str(recipient)},
            )
            if isinstance(error, CompostelaError) and not isinstance(error, TemporaryFailure | QuotaExceeded):
                await self._tell_owner(error, mail, recipient, user, run.again())
            return True

    async def _tell_owner(
        self, error: CompostelaError, mail: Mail, recipient: MailAddress, user: Username, run: PipelineRun
    ) -> None:
        """Of an action that cannot be done: the name of a mailbox with an empty level, for instance."""
        try:
            await Execution(self.context, mail, recipient, user, run).tell_owner(str(error))
        except Exception:
            _log.exception(
                "the owner of a script was not told of its failure",
                extra={"mail": mail.name, "recipient": str(recipient)},
            )

    async def _filter(self, mail: Mail, recipient: MailAddress, user: Username, run: PipelineRun) -> bool:
        script = await self.context.sieve.scripts.active(user)
        if script is None:
            return True
        run = run.again()
        execution = Execution(self.context, mail, recipient, user, run)
        try:
            outcome = await self._run_script(mail, recipient, user, script, run)
        except ScriptError as error:
            await execution.tell_owner(str(error))
            return True
        for line in outcome.log:
            _log.info("a script logs: %s", line, extra={"mail": mail.name, "recipient": str(recipient)})
        if outcome.failure is not None:
            await execution.tell_owner(str(outcome.failure))
        kept = [await execution.carry_out(action) for action in outcome.actions]
        now = self.context.clock.now()
        for mark in outcome.duplicates:
            key = mark_of(DUPLICATE, mark.key)
            seconds = DUPLICATE_SECONDS if mark.seconds is None else mark.seconds
            await self.context.sieve.marks.mark(user, key, run.entry, now, now + seconds)
        is_stored = any(isinstance(action, Keep | FileInto) for action in outcome.actions)
        if is_stored and not any(kept) and DSN_NOTIFY in mail.attributes:
            # LocalDelivery does not see this recipient
            await enqueue_report(mail, [recipient], DELIVERED, self.context, run)
        return any(kept)

    async def _run_script(
        self, mail: Mail, recipient: MailAddress, user: Username, script: StoredScript, run: PipelineRun
    ) -> Outcome:
        answers = Answers()
        host = StoreHost(self.context, user, mail, run, answers)
        envelope = Envelope("" if mail.sender is None else str(mail.sender), str(recipient))
        message = MailOfScript(mail, answers)
        now = dt.datetime.fromtimestamp(self.context.clock.now(), dt.UTC)
        engine = self.context.sieve.engine
        return await engine.on_thread(lambda: engine.program_of(script).run(message, envelope, host, now))
