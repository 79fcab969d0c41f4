"""Changes of MIME parts and of the whole body: replace, enclose, extracttext (RFC 5703 §5 to §7)."""

import hashlib
from collections.abc import Iterator

from compostela.mime.builder import message_part, text_part
from compostela.mime.dates import format_date
from compostela.mime.editing import without_mime_fields
from compostela.mime.headers import add_first, field_line, fields, remove
from compostela.sieve.compiler import Compiler, RunCommand
from compostela.sieve.definition import CommandDefinition, Definition
from compostela.sieve.errors import ScriptFailure
from compostela.sieve.extensions.variables import MODIFIERS, check_variable_name, modifier
from compostela.sieve.names import as_names, check_address, check_field_names, single_address
from compostela.sieve.replies import entity_of
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_command
from compostela.sieve.tree import Call


def _replace(call: Call, compiler: Compiler) -> RunCommand:
    replacement = compiler.text(call.text("replacement") or "")
    subject = compiler.optional_text(call.text("subject"))
    from_ = compiler.optional_text(call.text("from"))
    is_mime = call.flag("mime")

    def run_replace(run: Run) -> None:
        sender = from_(run)
        if sender is not None and single_address(sender) is None:
            raise ScriptFailure(f"'{sender[:100]}' is no mail address")
        text = replacement(run)
        new = entity_of(text) if is_mime else text_part(text)
        part = run.loops[-1] if run.loops else None
        if part is not None and not part.is_root:
            run.draft.replace_part(part, new.render())
            return
        if part is not None:
            part.children = ()
        block = without_mime_fields(run.draft.header.block)
        for name, value in (("Subject", subject(run)), ("From", sender)):
            if value is not None:
                block = _renamed(block, name, value)
        lines = [field_line(name, value) for name, value in (("MIME-Version", "1.0"), *new.headers)]
        run.draft.replace_all(add_first(block, *lines), new.body)

    return run_replace


def _renamed(block: bytes, name: str, value: str) -> bytes:
    """The field with a new value; the old one stays as `Original-<name>` (RFC 5703 §5)."""
    wanted = name.lower().encode()
    old = next((field for field in fields(block) if field.name.lower() == wanted), None)
    lines = [field_line(name, value)]
    if old is not None:
        lines.append(f"Original-{name}:".encode() + old.value)
    return add_first(remove(block, [wanted]), *lines)


def _enclose(call: Call, compiler: Compiler) -> RunCommand:
    """The new message has the fields that `:headers` names and the subject; From and Date are made for the owner, unless
    they are named (RFC 5703 §6)."""
    text = compiler.text(call.text("text") or "")
    subject = compiler.optional_text(call.text("subject"))
    names = compiler.texts(call.texts("headers") or ())

    def run_enclose(run: Run) -> None:
        run.check_time()
        edited = run.edited()
        header = run.draft.header.block
        inner = header + (run.draft.body() if edited is None else edited.body)
        title, wanted = subject(run), set(as_names(names(run)))
        wanted = wanted - {b"subject"} if title is not None else wanted | {b"subject"}
        lines = [
            header[field.start : field.end].rstrip(b"\r\n") for field in fields(header) if field.name.lower() in wanted
        ]
        if title is not None:
            lines.append(field_line("Subject", title))
        if b"from" not in wanted:
            lines.append(field_line("From", run.envelope.rcpt_to))
        if b"date" not in wanted:
            lines.append(field_line("Date", format_date(run.now.timestamp())))
        boundary = "=_" + hashlib.sha256(inner).hexdigest()[:40]
        lines += [
            field_line("MIME-Version", "1.0"),
            f'Content-Type: multipart/mixed; boundary="{boundary}"'.encode(),
        ]
        delimiter = b"--" + boundary.encode()
        parts = (text_part(text(run)), message_part(inner))
        body = b"".join(delimiter + b"\r\n" + part.render() + b"\r\n" for part in parts) + delimiter + b"--\r\n"
        run.draft.enclose(b"".join(line + b"\r\n" for line in lines) + b"\r\n", body)

    return run_enclose


def _extracttext(call: Call, _: Compiler) -> RunCommand:
    name = (call.text("name") or "").lower()
    first = call.number("first")
    modify = modifier(call)

    def run_extracttext(run: Run) -> None:
        run.check_time()
        part = run.loops[-1]
        text = part.text(run.limits.text_octets) if part.content_type.startswith("text/") else ""
        run.set_variable(name, modify(text[: run.limits.variable_characters if first is None else first]))

    return run_extracttext


def _check_replace(call: Call, _: Context) -> Iterator[str]:
    if call.flag("mime") and (call.text("subject") is not None or call.text("from") is not None):
        yield "':mime' excludes ':subject' and ':from'"


def _check_extracttext(_: Call, context: Context) -> Iterator[str]:
    if not context.loops:
        yield "'extracttext' must be inside 'foreverypart'"
    if "variables" not in context.capabilities:
        yield "'extracttext' needs require \"variables\""


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(
        of_command(
            "replace",
            "replace",
            tags=(Tag("mime"), Tag("subject", value=Type.STRING), Tag("from", value=Type.STRING)),
            positionals=(Positional("replacement", Type.STRING),),
            checks=(check_address("from"), _check_replace),
        ),
        _replace,
    ),
    CommandDefinition(
        of_command(
            "enclose",
            "enclose",
            tags=(Tag("subject", value=Type.STRING), Tag("headers", value=Type.STRINGS)),
            positionals=(Positional("text", Type.STRING),),
            checks=(check_field_names("headers", in_test=False),),
        ),
        _enclose,
    ),
    CommandDefinition(
        of_command(
            "extracttext",
            "extracttext",
            tags=(*MODIFIERS, Tag("first", value=Type.NUMBER, into="first")),
            positionals=(Positional("name", Type.STRING, constant=True),),
            checks=(check_variable_name, _check_extracttext),
        ),
        _extracttext,
    ),
)
