"""A host for real servers to run: ``tests.server_app:app`` on ``$TEST_DATABASE_URL``.

It writes no recorded call for its time within a test, unless told; what the test finds
was written when the process ended.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from flask import Response

from flask_apitokens import token_required
from tests import hosts

app = hosts.create_host(
    os.environ["TEST_DATABASE_URL"],
    services=False,
    APITOKENS_USAGE_FLUSH_SECONDS=float(os.environ.get("TEST_FLUSH_SECONDS", "60")),
    APITOKENS_USAGE=os.environ.get("TEST_USAGE", "buffered"),
)
# As a host does that is loaded before its workers are forked.
hosts.put_away(app)


@app.after_request
def say_which_process(response: Response) -> Response:
    """Add the process id of the worker to a response."""
    response.headers["X-Process"] = str(os.getpid())
    return response


@app.get("/api/hang")
@token_required
def hang() -> str:
    """Never respond, so that the server kills the worker."""
    marker = os.environ["TEST_HANGS"]
    Path(marker).touch()
    threading.Event().wait()
    return ""
