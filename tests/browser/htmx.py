"""The copies of htmx that a host may bring: the plugin's pages work with each."""

from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
#: version → the file, as its publisher packed it
HOST_COPIES = {
    version: VENDOR / f"htmx.org@{version}" / "htmx.min.js"
    for version in ("1.9.12", "4.0.1")
}
