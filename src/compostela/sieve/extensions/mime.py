"""`mime` and `foreverypart`: tests on MIME fields, and loops over parts (RFC 5703 §3, §4)."""

from collections.abc import Callable, Iterator, Sequence

from compostela.mime import parameters
from compostela.mime.headers import unfold
from compostela.sieve.compiler import Compiler, RunCommand, ValuesOf
from compostela.sieve.definition import CommandDefinition, Definition
from compostela.sieve.header_view import Names
from compostela.sieve.matching import Values
from compostela.sieve.parts import Entity
from compostela.sieve.run import Break, Run
from compostela.sieve.signatures import Context, Tag, Type, of_command
from compostela.sieve.sources import raw_values, views
from compostela.sieve.tree import Call

OPTIONS = (
    Tag("type", "option", capability="mime", needs="mime"),
    Tag("subtype", "option", capability="mime", needs="mime"),
    Tag("contenttype", "option", capability="mime", needs="mime"),
    Tag("param", "option", Type.STRINGS, capability="mime", needs="mime"),
)


def check_options(call: Call, context: Context) -> Iterator[str]:
    for name in call.texts("param") or ():
        if context.is_constant(name) and not name:
            yield "a parameter must have a name"


def option_values(call: Call, compiler: Compiler, names: Callable[[Run], Names]) -> ValuesOf:
    """What `:type`, `:subtype`, `:contenttype` or `:param` take out of the fields (RFC 5703 §4.2)."""
    option = call.text("option")
    wanted = compiler.texts(call.texts("param") or ())
    among = views(call)

    def values(run: Run) -> Values:
        found: list[str] = []
        for value in raw_values(call, names(run), among(run)):
            head, given = parameters.parse(unfold(value))
            if option == "param":
                found += [
                    _text(content) for name in wanted(run) for known, content in given if known == name.lower().encode()
                ]
            else:
                found += _of_type(_text(head), option)
        return Values(found)

    return values


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _of_type(head: str, option: str | None) -> Sequence[str]:
    kind, slash, subtype = (piece.strip() for piece in head.partition("/"))
    if option == "type":
        return (kind,)
    if option == "subtype":
        return (subtype,) if slash else ()
    return (f"{kind}/{subtype}" if slash else kind,)


def _foreverypart(call: Call, compiler: Compiler) -> RunCommand:
    name = call.text("name")
    block = compiler.block(call.block)

    def run_loop(run: Run) -> None:
        depth = len(run.loops)
        try:
            for part in _parts(run):
                run.spend(1)
                run.loops.append(part)
                block(run)
                run.loops.pop()
        except Break as stopped:
            if stopped.name is not None and stopped.name != name:
                raise
        finally:
            del run.loops[depth:]

    return run_loop


def _parts(run: Run) -> Iterator[Entity]:
    """The outermost loop sees the whole message first, a loop inside the parts below the current one."""
    if run.loops:
        yield from run.loops[-1].descendants()
    else:
        root = run.draft.root
        yield root
        yield from root.descendants()


def _break(call: Call, _: Compiler) -> RunCommand:
    name = call.text("name")

    def run_break(_: Run) -> None:
        raise Break(name)

    return run_break


def _check_break(call: Call, context: Context) -> Iterator[str]:
    name = call.text("name")
    if not context.loops:
        yield "'break' must be inside 'foreverypart'"
    elif name is not None and all(loop.text("name") != name for loop in context.loops):
        yield f"no loop around 'break' has the name '{name[:40]}'"


_NAME = Tag("name", value=Type.STRING, constant=True)

DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(of_command("foreverypart", "foreverypart", tags=(_NAME,), has_block=True), _foreverypart),
    CommandDefinition(of_command("break", "foreverypart", tags=(_NAME,), checks=(_check_break,)), _break),
)
