"""Checks a parsed script against the signatures of its commands and tests and makes the tree that is stored.

Unknown extensions, commands, tests and tags, missing `require`s, wrong types and numbers of arguments are errors at their place.
"""

from collections.abc import Iterator, Mapping

from compostela.base.errors import InvalidArgument
from compostela.base.settings import nearest
from compostela.sieve.capabilities import CAPABILITIES, closure
from compostela.sieve.errors import Place, Problem, Severity
from compostela.sieve.limits import Limits
from compostela.sieve.parser import Argument, Node, NumberArgument, StringArgument, TagArgument
from compostela.sieve.signatures import Context, Positional, Remark, Role, Signature, Tag, Tests, Type
from compostela.sieve.strings import decode_encoded_characters, namespaces
from compostela.sieve.tree import Call, Value

Signatures = Mapping[str, Signature]


class Validator:
    def __init__(self, commands: Signatures, tests: Signatures, limits: Limits) -> None:
        self._commands = commands
        self._tests = tests
        self._limits = limits
        self._required: frozenset[str] = frozenset()
        self._regexes = 0
        self.problems: list[Problem] = []

    @property
    def capabilities(self) -> frozenset[str]:
        return self._required

    def script(self, nodes: tuple[Node, ...]) -> tuple[Call, ...]:
        at = 0
        while at < len(nodes) and nodes[at].name == "require":
            self._require(nodes[at])
            at += 1
        return self._block(nodes[at:], ())

    def error(self, place: Place, message: str) -> None:
        if len(self.problems) < self._limits.problems:
            self.problems.append(Problem(place, message))

    def _warn(self, place: Place, message: str) -> None:
        if len(self.problems) < self._limits.problems:
            self.problems.append(Problem(place, message, Severity.WARNING))

    def _require(self, node: Node) -> None:
        argument = node.arguments[0] if len(node.arguments) == 1 else None
        if not isinstance(argument, StringArgument) or node.tests or node.block is not None:
            self.error(node.place, "'require' takes a string or a list of strings, and nothing else")
            return
        for name, place in zip(argument.values, argument.places, strict=True):
            if name not in CAPABILITIES:
                self.error(place, f"unknown extension '{name}'{nearest(name, CAPABILITIES)}")
            elif name in self._required:
                self._warn(place, f"'{name}' is required already")
            self._required = closure(self._required | {name})

    # blocks

    def _block(self, nodes: tuple[Node, ...], parents: tuple[Call, ...]) -> tuple[Call, ...]:
        calls: list[Call] = []
        chain = is_decided = has_warned = False
        for node in nodes:
            if calls and calls[-1].name in ("stop", "return", "break") and not has_warned:
                has_warned = True
                self._warn(node.place, f"'{node.name}' is never reached")
            if node.name in ("elsif", "else") and not chain:
                self.error(node.place, f"'{node.name}' must follow 'if' or 'elsif'")
            chain = node.name == "if" or (node.name == "elsif" and chain)
            is_decided = is_decided and node.name in ("elsif", "else")
            verdict = self._ihave(node) if chain else None
            if is_decided or verdict is False:
                # RFC 5463 §4: what ihave rules out need not be understood
                calls.append(_never(node))
                continue
            call = self._call(node, Role.COMMAND, parents)
            if call is not None:
                calls.append(call)
            is_decided = verdict is True
        return tuple(calls)

    def _ihave(self, node: Node) -> bool | None:
        """What the test of `if` is known to give because of `ihave`. Capabilities that must be there for its block to run
        are in force from here on."""
        if len(node.tests) != 1 or node.is_test_list:
            return None
        verdict = _verdict(node.tests[0])
        if verdict is not False:
            self._required = closure(self._required | frozenset(_granted(node.tests[0])))
        return verdict

    # calls

    def _call(self, node: Node, role: Role, parents: tuple[Call, ...]) -> Call | None:
        known = self._commands if role is Role.COMMAND else self._tests
        signature = known.get(node.name)
        if signature is None:
            self.error(node.place, self._unknown(node, role))
            return None
        if signature.capabilities and not self._required.intersection(signature.capabilities):
            needed = " or ".join(f'"{name}"' for name in signature.capabilities)
            self.error(node.place, f"'{node.name}' needs require {needed}")
            return None
        before = len(self.problems)
        arguments = _Arguments(self, node, signature).read()
        self._count_regexes(node, arguments)
        tests = self._inner_tests(node, signature, parents)
        block: tuple[Call, ...] = ()
        if node.block is not None and not signature.has_block:
            self.error(node.place, f"'{node.name}' takes no block")
        elif node.block is None and signature.has_block:
            self.error(node.place, f"'{node.name}' needs a block")
        elif node.block is not None:
            enclosing = Call(node.name, node.place.line, node.place.column, arguments, tests)
            block = self._block(node.block, (*parents, enclosing))
        call = Call(node.name, node.place.line, node.place.column, arguments, tests, block)
        if len(self.problems) == before:
            context = Context(self._required, parents, self._limits)
            for check in signature.checks:
                for message in check(call, context):
                    if isinstance(message, Remark):
                        self._warn(node.place, message)
                    else:
                        self.error(node.place, message)
        return call

    def _count_regexes(self, node: Node, arguments: dict[str, Value]) -> None:
        if arguments.get("match") == "regex":
            keys = arguments.get("keys")
            self._regexes += len(keys) if isinstance(keys, list) else 1
            if self._regexes > self._limits.regexes:
                self.error(node.place, f"the script has more than {self._limits.regexes} regular expressions")

    def _unknown(self, node: Node, role: Role) -> str:
        if role is Role.COMMAND:
            if node.name == "require":
                return "'require' must come before all other commands"
            if node.name in self._tests:
                return f"'{node.name}' is a test, no command"
            return f"unknown command '{node.name}'{nearest(node.name, self._commands)}"
        if node.name in self._commands:
            return f"'{node.name}' is a command, no test"
        return f"unknown test '{node.name}'{nearest(node.name, self._tests)}"

    def _inner_tests(self, node: Node, signature: Signature, parents: tuple[Call, ...]) -> tuple[Call, ...]:
        if signature.tests is Tests.NONE and node.tests:
            self.error(node.tests[0].place, f"'{node.name}' takes no test")
            return ()
        if signature.tests is Tests.ONE and (len(node.tests) != 1 or node.is_test_list):
            self.error(node.place, f"'{node.name}' takes exactly one test")
            return ()
        if signature.tests is Tests.LIST and not node.is_test_list:
            self.error(node.place, f"'{node.name}' takes a list of tests in parentheses")
            return ()
        found = (self._call(test, Role.TEST, parents) for test in node.tests)
        return tuple(call for call in found if call is not None)


def _never(node: Node) -> Call:
    """A branch that never runs."""
    place = (node.place.line, node.place.column)
    tests = () if node.name == "else" else (Call("false", *place),)
    return Call(node.name, *place, tests=tests)


def _names(node: Node) -> tuple[str, ...] | None:
    """The capabilities that an `ihave` test names; None for another test."""
    if node.name != "ihave" or len(node.arguments) != 1 or not isinstance(node.arguments[0], StringArgument):
        return None
    return node.arguments[0].values


def _verdict(node: Node) -> bool | None:
    names = _names(node)
    if names is not None:
        return CAPABILITIES.issuperset(names)
    inner = [_verdict(test) for test in node.tests]
    if node.name == "not" and len(inner) == 1:
        return None if inner[0] is None else not inner[0]
    if node.name == "allof":
        return False if False in inner else (True if inner and all(inner) else None)
    if node.name == "anyof":
        return True if True in inner else (False if inner and not any(v is not False for v in inner) else None)
    return None


def _granted(node: Node) -> Iterator[str]:
    names = _names(node)
    if names is not None:
        yield from names
    elif node.name == "allof":
        for test in node.tests:
            yield from _granted(test)


class _Arguments:
    """Reads the arguments of one node as its signature wants them."""

    def __init__(self, validator: Validator, node: Node, signature: Signature) -> None:
        self._validator = validator
        self._node = node
        self._signature = signature
        self._tags = {tag.name: tag for tag in signature.tags}
        self._found: dict[str, Value] = {}
        self._places: dict[str, TagArgument] = {}
        self._has_unknown_tag = False
        """Then its value, if it has one, cannot be told from the positional arguments."""

    def read(self) -> dict[str, Value]:
        arguments = list(self._node.arguments)
        at = 0
        while at < len(arguments) and isinstance(argument := arguments[at], TagArgument):
            at += 1
            tag = self._tags.get(argument.name)
            if tag is None:
                self._has_unknown_tag = True
                self._error(
                    argument.place,
                    f"'{self._node.name}' has no tag ':{argument.name}'{nearest(argument.name, self._tags)}",
                )
                at = next((i for i in range(at, len(arguments)) if isinstance(arguments[i], TagArgument)), at)
                continue
            at = self._tag(tag, argument, arguments, at)
        self._check_needs()
        if not self._has_unknown_tag:
            self._positionals(arguments[at:])
        return self._found

    def _error(self, place: Place, message: str) -> None:
        self._validator.error(place, message)

    def _tag(self, tag: Tag, argument: TagArgument, arguments: list[Argument], at: int) -> int:
        """The index after the tag and its value."""
        if tag.capability and tag.capability not in self._validator.capabilities:
            self._error(argument.place, f"':{tag.name}' needs require \"{tag.capability}\"")
        key = tag.group or tag.name
        other = self._places.get(key)
        if other is not None:
            twice = other.name == tag.name
            self._error(
                argument.place, f"':{tag.name}' is given twice" if twice else f"':{tag.name}' excludes ':{other.name}'"
            )
        self._places[key] = argument
        self._found[key] = tag.name if tag.group else True
        if tag.value is None:
            return at
        if at >= len(arguments) or isinstance(arguments[at], TagArgument):
            self._error(argument.place, f"':{tag.name}' needs {tag.value.value}")
            return at
        value = self._value(arguments[at], tag.value, f"':{tag.name}'", tag.constant)
        if value is not None:
            self._found[tag.into or tag.name] = value
        return at + 1

    def _check_needs(self) -> None:
        for argument in self._places.values():
            tag = self._tags[argument.name]
            if tag.needs and not any(tag.needs in (known, found.name) for known, found in self._places.items()):
                self._error(argument.place, f"':{argument.name}' needs ':{tag.needs}'")

    def _positionals(self, arguments: list[Argument]) -> None:
        wanted = self._signature.positionals
        needed = sum(not positional.optional for positional in wanted)
        late = next((argument for argument in arguments if isinstance(argument, TagArgument)), None)
        if late is not None:
            known = late.name in self._tags
            self._error(late.place, f"':{late.name}' must come before the other arguments" if known else
                        f"'{self._node.name}' has no tag ':{late.name}'{nearest(late.name, self._tags)}")  # fmt: skip
            return
        if not needed <= len(arguments) <= len(wanted):
            place = arguments[len(wanted)].place if len(arguments) > len(wanted) else self._node.place
            self._error(place, f"'{self._node.name}' takes {_count(needed, len(wanted))}, but has {len(arguments)}")
            return
        spare = len(arguments) - needed
        given = iter(arguments)
        for positional in wanted:
            if positional.optional:
                if not spare:
                    continue
                spare -= 1
            self._positional(positional, next(given))

    def _positional(self, positional: Positional, argument: Argument) -> None:
        value = self._value(argument, positional.type, f"the argument '{positional.name}'", positional.constant)
        if value is not None:
            self._found[positional.name] = value

    def _value(self, argument: Argument, type_: Type, what: str, constant: bool) -> Value | None:
        if isinstance(argument, NumberArgument):
            if type_ is Type.NUMBER:
                return argument.value
            self._error(argument.place, f"{what} must be {type_.value}, not a number")
            return None
        assert isinstance(argument, StringArgument)
        if type_ is Type.NUMBER or (argument.is_list and type_ is Type.STRING):
            self._error(
                argument.place, f"{what} must be {type_.value}, not a {'list' if argument.is_list else 'string'}"
            )
            return None
        texts = [
            self._text(text, place, what, constant)
            for text, place in zip(argument.values, argument.places, strict=True)
        ]
        return texts if argument.is_list else texts[0]

    def _text(self, text: str, place: Place, what: str, constant: bool) -> str:
        capabilities = self._validator.capabilities
        if "encoded-character" in capabilities:
            try:
                text = decode_encoded_characters(text)
            except InvalidArgument as error:
                self._error(place, str(error))
        if "variables" in capabilities and "${" in text:
            if constant and Context(capabilities, ()).refers(text):
                self._error(place, f"{what} must not refer to variables")
            for namespace in namespaces(text):
                if namespace != "global" or "include" not in capabilities:
                    self._error(place, f"unknown namespace of variables '{namespace}'")
        return text


def _count(least: int, most: int) -> str:
    number = str(most) if least == most else f"{least} to {most}"
    return f"{number} positional argument{'' if number == '1' else 's'}"
