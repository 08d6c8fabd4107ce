"""Templates and addresses compiled once for all the hosts of a test process.

Each host has a Jinja environment and a URL map of its own. Without this each test would
compile the pages and some eighty addresses anew, which takes longer than the test.
"""

from __future__ import annotations

from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2 import Environment
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class CompiledTemplates(BytecodeCache):
    """Keeps code by the source it was made of, and by what may change the outcome."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """What is kept of *source*, for an environment with the same extensions."""
        extensions = " ".join(sorted(environment.extensions))
        return super().get_bucket(environment, f"{name} {extensions}", filename, source)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code out, if there is any."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code."""
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_builders: dict[Any, Any] = {}
_COMPILE = "_compile_builder"
_compile_builder: Any = getattr(Rule, _COMPILE)


def _builder(rule: Any, append_unknown: bool = True) -> Any:
    """Return Werkzeug's function that builds the address of a rule, compiled once."""
    if rule.defaults:
        return _compile_builder(rule, append_unknown)
    key = rule.rule, tuple(rule._trace), append_unknown
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


def install() -> None:
    """Let every application made from now on share what was compiled."""
    setattr(Rule, _COMPILE, _builder)
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": CompiledTemplates()}
