"""Contracts are asked over two nodes: what a store promises holds for a reader on another one too."""

import inspect

from tests.structure.modules import contracts

WITHOUT_ELSEWHERE = {
    "BanListContract": "each process asks for itself",
    "BlobGarbageContract": "BlobsByIdDistanceContract has it",
    "BlobStoreContract": "BlobDistanceContract has it",
    "BlobsByIdContract": "BlobsByIdDistanceContract has it",
    "BodyContract": "a body is a value in one process",
    "ClockContract": "a clock is of one process",
    "DnsResolverContract": "each process asks for itself",
    "EffectsContract": "its second node is the store whose writes are held",
    "ExchangePublisherContract": "nothing is kept",
    "FormPosterContract": "nothing is kept",
    "MailDeliveryContract": "nothing is kept",
    "MailJudgeContract": "nothing is kept",
    "MailQueueContract": "QueueSharingContract has it",
    "MailboxChangesContract": "MailboxDistanceContract has it; the embedded edition runs all of it over two nodes too",
    "MailboxMessagesContract": "MailboxDistanceContract has it; the embedded edition runs all of it over two nodes too",
    "PeersContract": "it is about the others",
    "ReportPosterContract": "nothing is kept",
    "SecuredDnsContract": "each process asks and remembers for itself",
    "SecurityContextContract": "nothing is kept",
    "SiblingsContract": "each question goes to another process",
    "SmtpSenderContract": "nothing is kept",
    "SpamScannerContract": "nothing is kept",
    "SpillContract": "BlobDistanceContract has it",
    "TokenVerifierContract": "what is kept has contracts of its own: KnownTokensContract, EndedSessionsContract",
    "UserDirectoryContract": "nothing is kept but answers that are believed for a while, in each process",
    "VirusScannerContract": "nothing is kept",
}
"""Contract classes that no test asks over two nodes, and why."""


def _asks_elsewhere(contract: type) -> bool:
    return any(
        name.endswith("elsewhere")
        for test in vars(contract).values()
        if inspect.isfunction(test)
        for name in inspect.signature(test).parameters
    )


def test_it_is_known_which_contracts_lack_elsewhere() -> None:
    lacking = {contract.__name__ for contract in contracts() if not _asks_elsewhere(contract)}
    assert lacking == WITHOUT_ELSEWHERE.keys()


def test_each_has_a_reason() -> None:
    assert all(WITHOUT_ELSEWHERE.values())
