"""A host with Flask-Admin, in which administrators edit and delete users."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import Babel
from flask_login import current_user

from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import assert_pages_work
from tests.pages import visitor

flask_admin = machine.framework("flask_admin")
sqla = machine.framework("flask_admin.contrib.sqla")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The host, with a view of its users at ``/admin/user/``."""
    app = make_app(plugin={"is_admin": lambda user: user.is_admin})
    Babel(app)  # Flask-Admin needs it where Flask-Babel is installed
    host = hosts.host_of(app)

    class Users(sqla.ModelView):  # type: ignore[name-defined]
        def is_accessible(self) -> bool:
            return bool(getattr(current_user, "is_admin", False))

    admin = flask_admin.Admin(app)
    admin.add_view(Users(host.user_model, host.db, endpoint="user"))
    return app


def test_user_is_edited_and_deleted_with_the_tokens(app: Flask) -> None:
    boss = visitor(app, hosts.create_user(app, "boss@example.com", is_admin=True))
    ada = hosts.create_user(app, "ada@example.com")
    head = bearer(bearing.generate(app, ada)[1])
    assert boss.client.get("/admin/user/").status_code == 200
    edit = f"/admin/user/edit/?id={ada.id}"
    assert boss.client.get(edit).status_code == 200
    form = {"email": "new@example.com", "is_active": "y", "may_use_api": "y"}
    assert boss.client.post(edit, data=form).status_code == 302
    client = app.test_client()
    assert client.get("/api/plain", headers=head).status_code == 200
    gone = boss.client.post("/admin/user/delete/", data={"id": str(ada.id)})
    assert gone.status_code == 302
    assert client.get("/api/plain", headers=head).status_code == 401
    assert boss.client.get("/admin/api/tokens").status_code == 200


def test_bulk_deletion_ends_the_tokens(app: Flask) -> None:
    boss = visitor(app, hosts.create_user(app, "boss@example.com", is_admin=True))
    ada = hosts.create_user(app, "ada@example.com")
    head = bearer(bearing.generate(app, ada)[1])
    data = {"action": "delete", "rowid": str(ada.id)}
    assert boss.client.post("/admin/user/action/", data=data).status_code == 302
    answer = app.test_client().get("/api/plain", headers=head)
    assert answer.status_code == 401


def test_pages_work_beside_it(app: Flask) -> None:
    assert_pages_work(app, hosts.create_user(app, "ada@example.com"))
