"""The generic grammar of Sieve (RFC 5228 §8.2): commands, tests and arguments, whatever they mean."""

from dataclasses import dataclass

from compostela.sieve.errors import Place, Problem
from compostela.sieve.lexer import Kind, LexicalError, Lines, Token, tokens
from compostela.sieve.limits import Limits


@dataclass(frozen=True, slots=True)
class TagArgument:
    name: str
    """In lower case, without the colon."""
    place: Place


@dataclass(frozen=True, slots=True)
class NumberArgument:
    value: int
    place: Place


@dataclass(frozen=True, slots=True)
class StringArgument:
    """A single string, or a list of at least one."""

    values: tuple[str, ...]
    places: tuple[Place, ...]
    is_list: bool
    place: Place


Argument = TagArgument | NumberArgument | StringArgument


@dataclass(frozen=True, slots=True)
class Node:
    """A command or a test. `block` is None where none is written; `tests` has the single test or those of the list."""

    name: str
    """In lower case."""
    place: Place
    arguments: tuple[Argument, ...] = ()
    tests: tuple["Node", ...] = ()
    is_test_list: bool = False
    block: tuple["Node", ...] | None = None


class _SyntaxError(Exception):
    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


def parse(text: str, limits: Limits) -> tuple[tuple[Node, ...], list[Problem]]:
    """The commands in order, and the problems. After a problem, reading goes on after the command that has it."""
    lines = Lines(text)
    try:
        found = tokens(text)
    except LexicalError as error:
        return (), [Problem(lines.place(error.offset), error.message)]
    parser = _Parser(found, lines, limits)
    return parser.script(), parser.problems


class _Parser:
    def __init__(self, found: list[Token], lines: Lines, limits: Limits) -> None:
        self._tokens = found
        self._lines = lines
        self._limits = limits
        self._at = 0
        self.problems: list[Problem] = []

    def script(self) -> tuple[Node, ...]:
        commands: list[Node] = []
        while self._token.kind is not Kind.END and len(self.problems) < self._limits.problems:
            commands += self._commands(0)
            if self._is("}"):
                self._complain(self._token.offset, "'}' closes no block")
                self._at += 1
        return tuple(commands)

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _is(self, punctuation: str) -> bool:
        token = self._tokens[self._at]
        return token.kind is Kind.PUNCTUATION and token.value == punctuation

    def _take(self, punctuation: str) -> bool:
        if self._is(punctuation):
            self._at += 1
            return True
        return False

    def _complain(self, offset: int, message: str) -> None:
        self.problems.append(Problem(self._lines.place(offset), message))

    def _commands(self, depth: int) -> list[Node]:
        """Up to the closing brace or the end."""
        found: list[Node] = []
        while self._token.kind is not Kind.END and not self._is("}"):
            if len(self.problems) >= self._limits.problems:
                break
            try:
                found.append(self._command(depth))
            except _SyntaxError as error:
                self._complain(error.offset, error.message)
                self._skip()
        return found

    def _skip(self) -> None:
        """To the place after the next semicolon or block, or to the brace that closes this block."""
        depth = 0
        while self._token.kind is not Kind.END:
            if self._is("}") and depth == 0:
                return
            depth += self._is("{") - self._is("}")
            ends = depth == 0 and (self._is(";") or self._is("}"))
            self._at += 1
            if ends:
                return

    def _command(self, depth: int) -> Node:
        name = self._identifier("a command")
        arguments = self._arguments()
        tests, is_list = self._tests(0)
        if self._take(";"):
            return self._node(name, arguments, tests, is_list, None)
        if not self._is("{"):
            raise _SyntaxError(
                self._token.offset, f"expected ';' or a block after '{name.value}', found {self._token.shown}"
            )
        opening = self._token.offset
        if depth >= self._limits.nesting:
            raise _SyntaxError(opening, f"blocks are nested deeper than {self._limits.nesting}")
        self._at += 1
        block = self._commands(depth + 1)
        if not self._take("}") and len(self.problems) < self._limits.problems:
            raise _SyntaxError(opening, "the block is not closed: expected '}'")
        return self._node(name, arguments, tests, is_list, tuple(block))

    def _node(
        self,
        name: Token,
        arguments: tuple[Argument, ...],
        tests: tuple[Node, ...],
        is_list: bool,
        block: tuple[Node, ...] | None,
    ) -> Node:
        return Node(name.value.lower(), self._lines.place(name.offset), arguments, tests, is_list, block)

    def _identifier(self, what: str) -> Token:
        token = self._token
        if token.kind is not Kind.IDENTIFIER:
            raise _SyntaxError(token.offset, f"expected {what}, found {token.shown}")
        self._at += 1
        return token

    def _tests(self, depth: int) -> tuple[tuple[Node, ...], bool]:
        if depth > self._limits.nesting:
            raise _SyntaxError(self._token.offset, f"tests are nested deeper than {self._limits.nesting}")
        if self._token.kind is Kind.IDENTIFIER:
            return (self._test(depth),), False
        if not self._take("("):
            return (), False
        found = [self._test(depth)]
        while self._take(","):
            found.append(self._test(depth))
        if not self._take(")"):
            raise _SyntaxError(
                self._token.offset, f"expected ',' or ')' in the list of tests, found {self._token.shown}"
            )
        return tuple(found), True

    def _test(self, depth: int) -> Node:
        name = self._identifier("a test")
        arguments = self._arguments()
        tests, is_list = self._tests(depth + 1)
        return self._node(name, arguments, tests, is_list, None)

    def _arguments(self) -> tuple[Argument, ...]:
        found: list[Argument] = []
        while True:
            token = self._token
            place = self._lines.place(token.offset)
            if token.kind is Kind.TAG:
                found.append(TagArgument(token.value.lower(), place))
                self._at += 1
            elif token.kind is Kind.NUMBER:
                found.append(NumberArgument(int(token.value), place))
                self._at += 1
            elif token.kind is Kind.STRING:
                found.append(StringArgument((token.value,), (place,), False, place))
                self._at += 1
            elif self._take("["):
                found.append(self._list(place))
            else:
                return tuple(found)

    def _list(self, place: Place) -> StringArgument:
        values: list[str] = []
        places: list[Place] = []
        while True:
            token = self._token
            if token.kind is not Kind.STRING:
                raise _SyntaxError(token.offset, f"expected a string in the list, found {token.shown}")
            values.append(token.value)
            places.append(self._lines.place(token.offset))
            self._at += 1
            if self._take("]"):
                return StringArgument(tuple(values), tuple(places), True, place)
            if not self._take(","):
                raise _SyntaxError(
                    self._token.offset, f"expected ',' or ']' in the list of strings, found {self._token.shown}"
                )
