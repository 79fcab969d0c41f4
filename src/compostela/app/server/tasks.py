"""The types of tasks that this server knows, and the runner of each."""

import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from compostela.app.configuration.folder import Configuration
from compostela.app.server.roles import Roles
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Problems
from compostela.core.authentication.user_data import DelegationChange, DelegationDeletion
from compostela.core.blob.tasks import CollectBlobsTask
from compostela.core.drop_lists.service import DropListDeletion
from compostela.core.events.listeners import Listeners
from compostela.core.events.redelivery import RedeliverAllTask, RedeliverGroupTask, RedeliverOneTask
from compostela.core.events.usage_tasks import RecomputeUsageTask
from compostela.core.extension_parts import ExtensionParts
from compostela.core.mailbox.tasks import ClearMailboxTask
from compostela.core.mailbox.user_data import MailboxChange, MailboxDeletion
from compostela.core.outbound.tls_report_task import SendTlsReportsTask
from compostela.core.queue.tasks import ClearQueueTask, DeleteFromQueueTask
from compostela.core.recovery.tasks import RestoreMessagesTask
from compostela.core.repository.tasks import ClearRepositoryTask, ReprocessAllTask, ReprocessOneTask
from compostela.core.rewriting.user_data import ForwardChange, MappingDeletion
from compostela.core.sieve.user_data import SieveChange, SieveDeletion
from compostela.core.tasks.cleanup import CleanTasksTask
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.schedule import ScheduledTask, Scheduler
from compostela.core.tasks.service import Tasks
from compostela.core.tasks.worker import TaskWorker
from compostela.core.users.data_steps import UserDeletionStep, UsernameChangeStep
from compostela.core.users.tasks import ChangeUsernameTask, DeleteDomainDataTask, DeleteUserDataTask
from compostela.core.vacation.user_data import VacationChange, VacationDeletion

TASKS_FILE = "tasks.properties"
EXTENSIONS_FILE = "extensions.properties"
NO_REDELIVERY = dict.fromkeys((RedeliverAllTask.name, RedeliverGroupTask.name, RedeliverOneTask.name), 0)
"""Limits of a process that claims none of them."""
TLS_REPORT_TIMES = "23 2 * * *"
"""When TLS reports are sent without an operator's line for it: once a day, not at the full hour (RFC 8460 §4.1)."""


def make_tasks(
    configuration: Configuration,
    stores: Stores,
    services: Services,
    listeners: Listeners,
    tls_reports: SendTlsReportsTask,
    parts: ExtensionParts,
    clock: Clock,
    problems: Problems,
) -> Tasks:
    """With an operator's own types. Complaints about them go to `problems`."""
    users, deletions = services.users, deletion_steps(stores, services)
    types = TaskTypes([
        ClearQueueTask(stores.queues),
        DeleteFromQueueTask(stores.queues),
        ClearRepositoryTask(stores.repositories),
        ReprocessAllTask(stores.repositories, stores.queues),
        ReprocessOneTask(stores.repositories, stores.queues),
        ClearMailboxTask(services.mailboxes.system),
        DeleteUserDataTask(users, deletions),
        DeleteDomainDataTask(users, deletions),
        ChangeUsernameTask(change_steps(stores, services)),
        CleanTasksTask(stores.tasks),
        RedeliverAllTask(stores.dead_letters, listeners),
        RedeliverGroupTask(stores.dead_letters, listeners),
        RedeliverOneTask(stores.dead_letters, listeners),
        CollectBlobsTask(stores.blob_garbage),
        RecomputeUsageTask(users, stores.usage),
        tls_reports,
        *stores.repairs,
        *([] if stores.recovery is None else [RestoreMessagesTask(stores.recovery, services.mailboxes.system)]),
    ])  # fmt: skip
    for make in configuration.extensions.tasks:
        try:
            types.add(make(parts))
        except InvalidArgument as error:
            problems.error(Place(EXTENSIONS_FILE), str(error))
    return Tasks(stores.tasks, types, clock, socket.gethostname())


def deletion_steps(stores: Stores, services: Services) -> list[UserDeletionStep]:
    """Of each part that keeps data of users."""
    return [
        MappingDeletion(services.rewriting),
        DelegationDeletion(stores.delegations),
        DropListDeletion(services.rewriting, stores.drop_lists),
        MailboxDeletion(services.mailboxes.system),
        VacationDeletion(stores.vacations),
        SieveDeletion(stores.sieve_scripts),
    ]


def change_steps(stores: Stores, services: Services) -> list[UsernameChangeStep]:
    """Of each part that keeps data of users."""
    return [
        ForwardChange(services.users, services.rewriting),
        DelegationChange(stores.delegations),
        MailboxChange(services.mailboxes.system),
        VacationChange(stores.vacations),
        SieveChange(stores.sieve_scripts),
    ]


def task_work(
    configuration: Configuration, stores: Stores, tasks: Tasks, roles: Roles, clock: Clock, problems: Problems
) -> list[Callable[[], Coroutine[Any, Any, None]]]:
    """What a process with the role does, until it is cancelled. Complaints about scheduled tasks go to `problems`."""
    settings = configuration.task_runs
    for name in settings.worker.limits:
        try:
            tasks.types.runner(name)
        except InvalidArgument as error:
            problems.error(Place(TASKS_FILE), f"limits: {error}")
    known = []
    for line in settings.schedule:
        try:
            tasks.types.decode(line.name, line.arguments)
        except InvalidArgument as error:
            problems.error(line.place, f"schedule: {error}")
        else:
            known.append(line)
    usual = {CollectBlobsTask.name: stores.collection_times, SendTlsReportsTask.name: TLS_REPORT_TIMES}
    for name, times in usual.items():
        if all(line.name != name for line in settings.schedule):
            known.append(ScheduledTask(times, name, {}, Place(TASKS_FILE)))
    # a process without listeners leaves redelivery to those that have them
    limits = settings.worker.limits if roles.group_listeners else {**settings.worker.limits, **NO_REDELIVERY}
    worker = TaskWorker(tasks.store, tasks.types, clock, tasks.host, replace(settings.worker, limits=limits))
    return [worker.work, Scheduler(tasks, known, clock).run]
