"""Another process on the same database: ``python -m tests.elsewhere URL ID TOKEN…``.

It says when the token of that id ends, and how the guard answers each of the others.
"""

from __future__ import annotations

import sys
import time

from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import problem


def main(url: str, public: str, *tokens: str) -> None:
    """Print the expiry of one token and the response to each of the others."""
    assert time.timezone != 0, "the zone was not taken"
    app = hosts.create_host(url, APITOKENS_USAGE="off")
    with app.app_context():
        token = hosts.host_of(app).db.session.get(bearing.models_of(app).Token, public)
        assert token is not None
        assert token.expires_at is not None
        print(token.expires_at.isoformat())
    client = app.test_client()
    for each in tokens:
        response = client.get("/api/plain", headers=bearer(each))
        good = response.status_code == 200
        print(response.status_code, *([] if good else [problem(response)["code"]]))
    hosts.put_away(app)


if __name__ == "__main__":
    main(*sys.argv[1:])
