"""The test `body` (RFC 5173)."""

from collections.abc import Iterator

from compostela.mime.text import html_text
from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.matching import Values
from compostela.sieve.parts import Entity
from compostela.sieve.run import Run
from compostela.sieve.signatures import Positional, Tag, Type, of_test
from compostela.sieve.tags import MATCH, check_match
from compostela.sieve.tree import Call


def _body(call: Call, compiler: Compiler) -> RunTest:
    transform = call.text("transform") or "text"
    types = compiler.texts(call.texts("content") or ())

    def values(run: Run) -> Values:
        run.check_time()
        if transform == "content":
            wanted = tuple(types(run))
        else:
            wanted = ("text",)
        key = ("body", transform, wanted)
        found = run.draft.remembered(key)
        if found is None:
            if transform == "raw":
                texts = [run.draft.body()[: run.limits.text_octets].decode("utf-8", "replace")]
            else:
                texts = list(_contents(run, wanted, strips_html=transform == "text"))
            found = run.draft.remember(key, texts)
        return found

    return compiler.match(call, values)


def _contents(run: Run, wanted: tuple[str, ...], *, strips_html: bool) -> Iterator[str]:
    """The decoded content of each part of a wanted type, up to the limit (RFC 5173 §5.2, §5.3)."""
    room = run.limits.text_octets
    root = run.draft.root
    for entity in (root, *root.descendants()):
        if room <= 0:
            return
        if any(_is_of_type(entity.content_type, one) for one in wanted):
            text = _content(entity, room)
            room -= len(text)
            yield html_text(text) if strips_html and entity.content_type == "text/html" else text


def _content(entity: Entity, room: int) -> str:
    kind = entity.content_type
    if kind.startswith("multipart/"):
        return entity.around_parts(room)
    if kind in ("message/rfc822", "message/global") and entity.children:
        # RFC 5173 §5.2: the header of the enclosed message; its parts are looked at by themselves
        return entity.children[0].header.block[:room].decode("utf-8", "replace")
    return entity.text(room)


def _is_of_type(content_type: str, wanted: str) -> bool:
    """RFC 5173 §5.2: the empty string is every type, one without a slash a main type."""
    wanted = wanted.lower()
    if not wanted:
        return True
    if wanted.count("/") > 1 or wanted.startswith("/") or wanted.endswith("/"):
        return False
    return content_type == wanted if "/" in wanted else content_type.partition("/")[0] == wanted


DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test(
            "body",
            "body",
            tags=(
                *MATCH,
                Tag("raw", "transform"),
                Tag("content", "transform", Type.STRINGS),
                Tag("text", "transform"),
            ),
            positionals=(Positional("keys", Type.STRINGS),),
            checks=(check_match,),
        ),
        _body,
    ),
)
