"""The Flask extensions of the application, and the registration of the plugin."""

from typing import Any

from flask import Flask
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from example_app.models import User
from example_app.models import db
from flask_apitokens import APITokens

csrf = CSRFProtect()

login_manager = LoginManager()
login_manager.login_view = "pages.login"
# With APITOKENS_FRESH_LOGIN, a user whose log-in is not fresh is sent here.
login_manager.refresh_view = "pages.login"

apitokens = APITokens(
    db,
    User,
    is_admin=User.is_admin,
    can_use_api=User.may_use_api,
    account_of=User.account_id,
)
apitokens.service(
    "tmy",
    "TMY data",
    description="Hourly irradiance of a typical year, for any place on Earth.",
    scopes={"read": "Download typical years"},
)
apitokens.service(
    "timeseries",
    "Time series",
    description="Hourly irradiance of the days you ask for.",
    scopes={"read": "Download time series", "write": "Start jobs"},
)


def grant_the_api(
    sender: Flask, *, subscription: Any, approved: bool, **extra: Any
) -> None:
    """Grant the permission for the API as a whole, which the application stores."""
    # A request for a service has a slug, and the plugin itself grants it. The decision
    # is committed by now, so this commits its own change.
    if approved and not subscription.service:
        user = db.session.get(User, subscription.user_id)
        if user is not None:
            user.may_use_api = True
            db.session.commit()


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return the user of a session; a user who was deactivated has none."""
    user = db.session.get(User, int(user_id))
    return user if user and user.is_active else None
