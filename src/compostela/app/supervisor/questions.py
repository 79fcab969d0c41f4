"""How the supervisor passes questions and answers on between workers, without looking into them."""

from collections.abc import Collection, Iterator

from compostela.app.supervisor.messages import Message


def routed(sender: int, message: Message, ready: Collection[int]) -> Iterator[tuple[int, Message]]:
    """What to send to which worker for a message of `sender`. A question goes to all others that are ready. Raises `KeyError` for
    what is no question and no answer."""
    if message["is"] == "answer":
        yield message["to"], {"is": "answered", "id": message["id"], "from": sender, "body": message["body"]}
        return
    others = [number for number in ready if number != sender]
    yield sender, {"is": "asking", "id": message["id"], "workers": others}
    question = {"is": "asked", "id": message["id"], "from": sender, "topic": message["topic"], "body": message["body"]}
    for number in others:
        yield number, question
