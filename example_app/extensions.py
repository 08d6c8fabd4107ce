"""The extensions of the host, and the registration of the plugin."""

from typing import Any

from flask import Flask
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from example_app.models import User
from example_app.models import db
from flask_apitokens import Actor
from flask_apitokens import APITokens

csrf = CSRFProtect()

login_manager = LoginManager()
login_manager.login_view = "pages.login"
# Signing in again is what makes a log-in fresh (APITOKENS_FRESH_LOGIN).
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
    sender: Flask, *, subscription: Any, actor: Actor, approved: bool
) -> None:
    """Grant the permission that somebody asked for: services the plugin grants."""
    if approved and not subscription.service:
        user = db.session.get(User, subscription.user_id)
        if user is not None:
            user.may_use_api = True


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Return the user of a session; switching a user off ends their session."""
    user = db.session.get(User, int(user_id))
    return user if user and user.is_active else None
