"""Real programs that a production has before a database or an application."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from sqlalchemy import URL

from tests.machine import free_port
from tests.machine import is_listening
from tests.machine import missing
from tests.recording import until

MODES = ("transaction", "session", "statement")
#: a pool for one test, on whose connections no other one has prepared anything
ALONE = "alone"


class Pgbouncer:
    """A pgbouncer with a database for each of its pool modes, all of them the same."""

    def __init__(self, server: URL, port: int) -> None:
        self._server = server
        self._port = port

    def url(self, mode: str) -> str:
        """The address of the database under a pool mode, for psycopg."""
        url = self._server.set(host="127.0.0.1", port=self._port, database=mode)
        return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def pgbouncer(
    postgresql_database: URL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pgbouncer]:
    """A running pgbouncer before the PostgreSQL database of this test process."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        missing("pgbouncer, on the path")
    port = free_port()
    settings = tmp_path_factory.mktemp("pgbouncer") / "pgbouncer.ini"
    settings.write_text(_settings(postgresql_database, port))
    log = settings.with_suffix(".log")
    # It refuses to run as root.
    account = ["-u", "daemon"] if os.geteuid() == 0 else []
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - the program that was found above
            [program, *account, str(settings)], stdout=output, stderr=output
        ) as process,
    ):
        try:
            until(lambda: is_listening(port) or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield Pgbouncer(postgresql_database, port)
        finally:
            process.terminate()


def _settings(server: URL, port: int) -> str:
    password = f" password={server.password}" if server.password else ""
    target = (
        f"host={server.host} port={server.port or 5432} dbname={server.database} "
        f"user={server.username}{password}"
    )
    # In session mode each connection of a process keeps one of the server.
    sizes = {"session": 40}
    databases = "\n".join(
        f"{mode} = {target} pool_mode={mode} pool_size={sizes.get(mode, 4)}"
        for mode in MODES
    )
    databases += f"\n{ALONE} = {target} pool_mode=transaction pool_size=2"
    return f"""[databases]
{databases}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
max_client_conn = 200
log_connections = 0
log_disconnections = 0
"""
