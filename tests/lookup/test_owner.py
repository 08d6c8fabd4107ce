"""Whether the owner is active: a column of the look-up, or a question to the user."""

from __future__ import annotations

from typing import Any

import pytest
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import column_property
from sqlalchemy.orm import mapped_column

from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import HostOfModels
from tests.lookup.calls import status


def _plain(db: Any) -> Any:
    class User(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")

    return User


def _mixin(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")

    return User


def _active_column(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")
        active: Mapped[bool | None] = mapped_column(default=True)

    return User


def _renamed_column(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")
        is_active: Mapped[bool | None] = mapped_column("enabled", default=True)

    return User


def _property(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")

        @property
        def is_active(self) -> Any:
            return {"on": True, "off": False, "nothing": None}[self.state]

    return User


def _property_beside_column(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")
        active: Mapped[bool] = mapped_column(default=True)

        @property
        def is_active(self) -> bool:
            return self.active and self.state == "on"

    return User


def _hybrid(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")

        @hybrid_property
        def is_active(self) -> Any:
            return self.state == "on"

    return User


def _expression(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(default="on")
        is_active = column_property(state == "on")

    return User


@pytest.mark.parametrize(
    ("make_user", "change", "answers"),
    [
        (_plain, {"state": "off"}, "in"),
        (_mixin, {"state": "off"}, "in"),
        (_active_column, {"active": False}, "owner_inactive"),
        (_active_column, {"active": None}, "owner_inactive"),
        (_renamed_column, {"is_active": False}, "owner_inactive"),
        (_renamed_column, {"is_active": None}, "owner_inactive"),
        (_property, {"state": "off"}, "owner_inactive"),
        (_property, {"state": "nothing"}, "owner_inactive"),
        (_property, {"state": "raises"}, "owner_inactive"),
        (_property_beside_column, {"active": False}, "owner_inactive"),
        (_property_beside_column, {"state": "off"}, "owner_inactive"),
        (_hybrid, {"state": "off"}, "owner_inactive"),
        (_expression, {"state": "off"}, "owner_inactive"),
    ],
)
@pytest.mark.parametrize("services", [True, False])
def test_owner_is_active_as_flask_login_defines_it(
    make_user: Any,
    change: dict[str, Any],
    answers: str,
    services: bool,
    sqlite_url: str,
    host_of_models: HostOfModels,
) -> None:
    """A column is read along; any other way asks the user. A fault means no."""
    db = SQLAlchemy()
    app = host_of_models(db, make_user(db), sqlite_url, services=services)
    with app.app_context():
        user = hosts.host_of(app).user_model()
        db.session.add(user)
        db.session.commit()
        db.session.refresh(user)
        db.session.expunge(user)
    _, plaintext = bearing.generate(app, user, name="x")
    client = app.test_client()
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    bearing.change_user(app, user, **change)
    response = client.get("/api/plain", headers=bearer(plaintext))
    assert (code(response) if response.status_code != 200 else "in") == answers


def test_reading_the_owner_does_not_flush_the_hosts_session(
    sqlite_url: str, host_of_models: HostOfModels
) -> None:
    """USE-03."""
    db = SQLAlchemy()
    app = host_of_models(db, _property(db), sqlite_url)
    model = hosts.host_of(app).user_model

    @app.before_request
    def begin() -> None:
        # Would not go through: the key is taken.
        db.session.add(model(id=1))
        assert db.session.new

    with app.app_context():
        user = model()
        db.session.add(user)
        db.session.commit()
        _, plaintext = hosts.host_of(app).apitokens.generate(owner=user, name="x")
        db.session.commit()
    assert status(app, plaintext) == 200
