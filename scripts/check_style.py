"""Check what ruff has no rule for: sizes, positional parameters, plain English.

``make lint`` runs it over the repository. It prints each fault as ``file:line: what``
and exits with status 1 if there is one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 40  # without the docstring, which may be as long as it needs
#: A caller may pass two arguments by position. A third one needs a first parameter that
#: names what the function works in, as a method has its ``self``.
MAX_POSITIONAL = 2
SURROUNDINGS = frozenset(
    {
        "admin",
        "app",
        "callbacks",
        "connection",
        "ctx",
        "mapper",
        "models",
        "pages",
        "state",
    }
)
#: functions whose parameters have the order of Flask's ``add_url_rule``, of gettext's
#: ``ngettext`` and of SQLAlchemy's function for ``on_conflict``
NATURAL_ORDER = frozenset(
    {
        "flask_apitokens/i18n.py:ngettext",
        "flask_apitokens/usage/writer.py:_with_transactions",
        "flask_apitokens/web/blueprint.py:_add",
        "flask_apitokens/web/blueprint.py:add",
    }
)
#: words and phrases that readers with English as a second language read twice
RIDDLES = re.compile(
    r"\b((?i:whoever|whosever|somebody|nobody|stands|by itself|in words"
    r"|of its own accord)|is none)\b(?!@)",
)
PROSE = (".py", ".md", ".html", ".js", ".css", ".toml", ".yml", ".yaml", "Makefile")
#: files that are not ours, and this list of words
EXEMPT = re.compile(r"/vendor/|/(test_)?check_style\.py$|^tests/schemas/")
Fault = tuple[Path, int, str]


def faults_in(path: Path, text: str) -> Iterator[Fault]:
    """Yield each fault of one file.

    :param path: relative to the repository; sizes count in the package alone.
    """
    for number, line in enumerate(text.splitlines(), 1):
        for found in RIDDLES.finditer(line):
            yield path, number, f"say “{found[0]}” in plain English"
    if path.parts[0] == "flask_apitokens" and path.suffix == ".py":
        length = text.count("\n")
        if length > MAX_MODULE_LINES:
            yield path, length, f"{length} lines; at most {MAX_MODULE_LINES}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _function_faults(path, node)


def _function_faults(
    path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[Fault]:
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    length = (function.end_lineno or 0) - function.lineno + 1 - docstring
    if length > MAX_FUNCTION_LINES:
        yield (
            path,
            function.lineno,
            f"{function.name}: {length} lines; at most {MAX_FUNCTION_LINES}",
        )
    arguments = function.args.posonlyargs + function.args.args
    names = [argument.arg for argument in arguments]
    if names[:1] in (["self"], ["cls"]):
        del names[0]
    most = MAX_POSITIONAL + (names[:1] != [] and names[0] in SURROUNDINGS)
    if len(names) > most and f"{path}:{function.name}" not in NATURAL_ORDER:
        yield (
            path,
            function.lineno,
            f"{function.name}: {len(names)} positional parameters; at most {most}",
        )


def main() -> int:
    """Check every file that git tracks."""
    # A checkout may be another user's, as where CI runs as root.
    command = ["git", "-c", "safe.directory=*", "ls-files"]
    listed = subprocess.check_output(command, text=True).splitlines()
    found = 0
    for name in listed:
        path = Path(name)
        if not name.endswith(PROSE) or EXEMPT.search(name) or not path.exists():
            continue
        for where, line, what in faults_in(path, path.read_text("utf-8")):
            print(f"{where}:{line}: {what}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
