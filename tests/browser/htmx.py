"""The copies of htmx that a host may bring: the plugin's pages work with each."""

from pathlib import Path

import pytest

VENDOR = Path(__file__).parent / "vendor"
#: version → the file, as its publisher packed it
HOST_COPIES = {
    version: VENDOR / f"htmx.org@{version}" / "htmx.min.js"
    for version in ("1.9.12", "4.0.1")
}

#: every copy of htmx that a page may have: the plugin's own, and those of hosts
COPIES = ["ours", *HOST_COPIES]
#: run a test with each of them, see the fixture ``copy``
WITH_EACH_HTMX = pytest.mark.parametrize("copy", COPIES)
