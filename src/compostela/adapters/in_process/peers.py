"""A server of one process has no peers."""

from compostela.core.connections.ports import Answering


class NoPeers:
    """See `compostela.core.connections.ports`."""

    def serve(self, answer: Answering) -> None:
        pass

    async def ask(self, question: bytes) -> list[bytes]:
        del question  # there are none to ask
        return []
