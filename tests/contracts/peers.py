"""What the ways to other processes keep to. Subclasses give the fixture `peers`, of a process that knows as many others as
`others` has; those are served already."""

from compostela.core.connections.ports import Peers


class PeersContract:
    ports = (Peers,)

    async def test_each_other_process_answers_once(self, peers: Peers, others: list[bytes]) -> None:
        peers.serve(lambda question: b"own:" + question)
        assert sorted(await peers.ask(b"who")) == sorted(name + b":who" for name in others)
        assert sorted(await peers.ask(b"again")) == sorted(name + b":again" for name in others)
