"""A command or a test: how it is written, and how it is compiled."""

from dataclasses import dataclass

from compostela.sieve.compiler import CompileCommand, CompileTest
from compostela.sieve.signatures import Signature


@dataclass(frozen=True, slots=True)
class CommandDefinition:
    signature: Signature
    compile: CompileCommand


@dataclass(frozen=True, slots=True)
class TestDefinition:
    signature: Signature
    compile: CompileTest


Definition = CommandDefinition | TestDefinition
