"""What dialogues about smtp sessions share."""

from compostela.testing.conversation import Conversation


def scripted(role: str, answer: str, more: str = "") -> str:
    parameters = f"<role>{role}</role><answer>{answer}</answer>{more}"
    return f'<handler class="tests.dialogues.scripted_hook.ScriptedHook">{parameters}</handler>'


async def refused(c: Conversation, command: str, answer: str) -> None:
    await c.client(command)
    await c.server(answer)
