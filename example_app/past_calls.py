"""Made-up calls of the last days, for the usage history of the demo.

A real application never does this: the plugin records its calls.
"""

from datetime import UTC
from datetime import datetime
from datetime import timedelta

from example_app.extensions import apitokens
from example_app.models import User
from example_app.models import db
from flask_apitokens.state import current_apitokens
from flask_apitokens.usage.rows import Call

TOKEN = "Nightly download"  # noqa: S105 - a name
#: rule, method, status, error code and duration in seconds: each call is one of these,
#: most often the first
KINDS = (
    ("/api/timeseries", "GET", 200, None, 0.118),
    ("/api/timeseries", "GET", 200, None, 0.094),
    ("/api/timeseries/jobs", "POST", 403, "insufficient_scope", 0.002),
    ("/api/timeseries", "GET", 400, None, 0.004),
    ("/api/timeseries", "GET", 500, None, 1.204),
)
HOURS = 7 * 24 - 1


def leave() -> None:
    """Record calls with a token of ada, unless an earlier start did."""
    owner = User.with_email("ada@example.com")
    state = current_apitokens
    one_token = state.settings.max_per_owner == 1
    if owner is None or one_token or not state.recorder.on:
        return
    if any(token.name == TOKEN for token in apitokens.tokens_of(owner)):
        return
    token, _plaintext = apitokens.generate(
        owner=owner, name=TOKEN, service="timeseries", scopes=["read"]
    )
    now = datetime.now(UTC)
    token.created_at = now - timedelta(days=8)
    db.session.commit()
    for call in _calls(token.id, owner, now):
        state.recorder.record(call)
    state.recorder.flush()


def _calls(token_id: str, owner: User, now: datetime) -> list[Call]:
    calls = []
    for ago in range(HOURS, 0, -1):
        # One to six calls an hour, more of them on later days.
        for number in range(1 + (ago * 7) % 3 + (HOURS - ago) // 48):
            at = now - timedelta(hours=ago) + timedelta(minutes=9 * number)
            seed = ago + 5 * number
            odd = 0 if seed % 9 else 1 + seed // 9 % 4
            rule, method, status, code, seconds = KINDS[odd]
            calls.append(
                Call(
                    token_id=token_id,
                    at=at,
                    ip="192.0.2.7",
                    accepted=code is None,
                    token_name=TOKEN,
                    account_id=owner.account_id,
                    service="timeseries",
                    owner=owner.id,
                    method=method,
                    rule=rule,
                    path=rule,
                    status=status,
                    code=code,
                    duration=seconds + seed % 7 / 100,
                    user_agent="python-requests/2.32.5",
                )
            )
    return calls
