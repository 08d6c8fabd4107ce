"""The server of the browser tests itself."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask

from tests.browser.conftest import LiveServer

#: closes a socket with a reset instead of an end (socket(7), SO_LINGER)
RESET = struct.pack("ii", 1, 0)


def test_reset_after_the_last_byte_leaves_no_file_open(
    live_server: LiveServer, tmp_path: Path
) -> None:
    # pytest itself fails on an open file; the reset meets the server's last read often
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "icon.svg").write_bytes(b"<svg/>")
    address = urlsplit(live_server(Flask("host", root_path=str(tmp_path))))
    for _ in range(50):
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: host\r\n\r\n")
            while b"<svg/>" not in client.recv(1000):
                pass
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
