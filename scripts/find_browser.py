"""Find a Chromium for the browser tests; with ``--install``, gets one if need be.

Print its path. Exit status 1, and what was tried on stderr, if none was found.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

#: The shell renders as the browser does, but starts no windows, tabs and bars of its
#: own: the same tests take half the processor time.
COMMANDS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
INSTALL_SECONDS = 600


def find_browser() -> str | None:
    """The path of a Chromium on this machine, or None.

    ``$CHROMIUM`` wins, then what the system has, then Playwright's own download.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    for command in COMMANDS:
        found = shutil.which(command)
        if found:
            return found
    return _playwrights_own()


def _playwrights_own() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


def install_browser() -> None:
    """Asks Playwright for its Chromium, then Debian for its own."""
    if _run(sys.executable, "-m", "playwright", "install", "chromium"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _run("apt-get", "-qq", "update")
        _run("apt-get", "-qq", "--yes", "install", "chromium-headless-shell")


def _run(*command: str) -> bool:
    print("$", *command, file=sys.stderr)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            timeout=INSTALL_SECONDS,
            check=False,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    found = find_browser()
    if not found and "--install" in sys.argv[1:] and not os.environ.get("CHROMIUM"):
        install_browser()
        found = find_browser()
    if found:
        print(found)
        return 0
    named = os.environ.get("CHROMIUM")
    tried = f"$CHROMIUM ({named})" if named else ", ".join(COMMANDS)
    print(
        f"No Chromium was found (tried {tried} and Playwright's own). Install one,"
        " or name it: make test CHROMIUM=/path/to/chromium",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
