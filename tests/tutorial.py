"""Runs the code blocks of docs/tutorial.md as a reader would, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import requests

#: commands that set up the reader's machine; the tests have all that they install
_SET_UP = ("mkdir ", "cd ", "python3 -m venv", ". .venv/", "pip install")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./]+)(, at the end)?\n")
_ASSIGNMENT = re.compile(r"export (\w+)=\$\((.*)\)")
_PRINTED_ADDRESS = "http://127.0.0.1:5000"


def code_blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each fenced block, in order."""
    for fence in _FENCE.finditer(page):
        yield fence[1], fence[2]


def commands(console: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output printed below it."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _newline, output = part.partition("\n")
        yield command, output.strip()


def fits(printed: str, output: str) -> bool:
    """Return whether *output* is as *printed*; a "…" there means any text."""
    pattern = ".*".join(re.escape(part) for part in printed.split("…"))
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


@dataclass
class Reader:
    """Does in *folder* what a page says.

    :param variables: the environment of the reader's shell.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    address: str = ""
    _server: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        root = str(Path(__file__).parent.parent)
        binaries = str(Path(sys.executable).parent)
        path = os.pathsep.join([binaries, os.environ.get("PATH", "")])
        self.variables = {**os.environ, "PATH": path, "PYTHONPATH": root}

    def follow(self, page: str) -> Iterator[tuple[str, str, str]]:
        """Yield each command, the output printed in the page, and its real output."""
        for language, block in code_blocks(page):
            if language == "python":
                self.save(block)
            elif language == "console":
                for command, printed in commands(block):
                    if not command.startswith(_SET_UP):
                        yield command, printed, self.run(command)

    def save(self, block: str) -> None:
        """Write or extend the file that the first line of *block* names."""
        named = _FILE.match(block)
        assert named is not None, block
        path = self.folder / named[1]
        path.parent.mkdir(exist_ok=True)
        before = path.read_text("utf-8") + "\n\n" if named[2] else ""
        path.write_text(before + block[named.end() :], "utf-8")

    def run(self, command: str) -> str:
        """Run one command and return its output."""
        assignment = _ASSIGNMENT.fullmatch(command)
        if assignment is not None:
            self.variables[assignment[1]] = self._shell(assignment[2]).strip()
            return ""
        if command == "flask run":
            self.stop()
            self._start()
            return ""
        if command.startswith("curl "):
            return self._call(self._expanded(command))
        return self._shell(command)

    def _expanded(self, command: str) -> str:
        return re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], command)

    def _shell(self, command: str) -> str:
        done = subprocess.run(  # noqa: S602  # the commands are those of our own page
            command,
            shell=True,
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def _start(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "flask", "run", "--port", "0"],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._server.stderr is not None
        said = []
        for line in self._server.stderr:
            said.append(line)
            running = re.search(r"Running on (http://[\d.:]+)", line)
            if running is not None:
                self.address = running[1]
                return
        raise AssertionError("".join(said))

    def _call(self, command: str) -> str:
        """Do what ``curl [-H HEADER] ADDRESS`` does."""
        words = shlex.split(command)[1:]
        url = words[-1].replace(_PRINTED_ADDRESS, self.address)
        headers = {}
        for option, value in zip(words[:-1:2], words[1:-1:2], strict=True):
            assert option == "-H"
            name, content = value.split(": ", 1)
            headers[name] = content
        return requests.get(url, headers=headers, timeout=30).text

    def stop(self) -> None:
        """Stop the server, as Ctrl+C does."""
        if self._server is not None:
            self._server.terminate()
            self._server.communicate()
            self._server = None
