"""testing.py: what an application's own tests are given, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: an application's conftest.py
HOST = """
import pytest
from flask_login import current_user

from flask_apitokens import current_token, token_required
from tests import hosts


@pytest.fixture
def app(request):
    app = hosts.create_host("sqlite://", **getattr(request, "param", {}))

    @app.get("/whoami")
    @token_required(service="tmy", scopes="read")
    def whoami():
        return {"you": current_user.email, "token": current_token.id}

    yield app
    hosts.put_away(app)


@pytest.fixture
def user(app):
    return hosts.create_user(app, "ada@example.com")
"""
CLIENT = """

@pytest.fixture
def client(app):
    return app.test_client()
"""
TESTS = """
from datetime import timedelta

import pytest
from sqlalchemy import select

from flask_apitokens.errors import InvalidScopes
from tests import hosts


def test_a_token_works(client, user, apitokens_token):
    made = apitokens_token(user, service="tmy", scopes=["read"])
    answer = client.get("/whoami", headers=made.headers)
    assert answer.json == {"you": "ada@example.com", "token": made.token.id}
    assert made.token.name == "Test 1"
    assert made.plaintext.split("_")[1] == made.token.id


WAYS = (
    ({"APITOKENS_SCHEMES": ("Token",)}, {"Authorization": "Token {}"}),
    (
        {"APITOKENS_SCHEMES": (), "APITOKENS_HEADERS": ("X-API-Key",)},
        {"X-API-Key": "{}"},
    ),
)


@pytest.mark.parametrize(("app", "way"), WAYS, indirect=["app"])
def test_headers_are_those_of_the_first_way(
    client, user, way, apitokens_token, acting_as
):
    made = apitokens_token(user)
    sent = {name: text.format(made.plaintext) for name, text in way.items()}
    assert sent == made.headers == acting_as(made) == acting_as(made.plaintext)
    assert client.get("/api/plain", headers=sent).status_code == 200
    token, plaintext = made
    assert (token, plaintext) == (made.token, made.plaintext)


def test_names_differ_unless_they_are_given(user, apitokens_token):
    wishes = {}, {"name": "Deploy"}, {}
    names = [apitokens_token(user, **wish).token.name for wish in wishes]
    assert names == ["Test 1", "Deploy", "Test 3"]


def test_acting_as(client, user, acting_as, apitokens_token):
    headers = acting_as(user, service="tmy", scopes=["read"])
    assert client.get("/whoami", headers=headers).status_code == 200
    assert client.get("/whoami", headers=acting_as(user)).status_code == 403
    made = apitokens_token(user)
    assert acting_as(made) == acting_as(made.plaintext) == made.headers
    assert client.get("/api/plain", headers=acting_as(made)).status_code == 200


def test_a_service_alone_means_all_that_it_offers(user, apitokens_token):
    assert apitokens_token(user, service="timeseries").token.scopes == ("read", "write")
    assert apitokens_token(user).token.scopes == ()


def test_scopes_may_be_a_word(user, apitokens_token):
    made = apitokens_token(user, service="timeseries", scopes="write")
    assert made.token.scopes == ("write",)


def test_a_token_that_is_there_is_not_changed(user, acting_as, apitokens_token):
    with pytest.raises(TypeError, match="takes no more arguments"):
        acting_as(apitokens_token(user), service="tmy")


def test_the_rules_hold(user, apitokens_token):
    with pytest.raises(InvalidScopes):
        apitokens_token(user, service="tmy", scopes=["fly"])


@pytest.mark.parametrize("app", [{"APITOKENS_EXPIRY_MAX": 30}], indirect=True)
def test_a_token_lives_for_as_long_as_allowed(user, apitokens_token):
    for kind in "api", "access":
        token = apitokens_token(user, kind=kind).token
        assert token.expires_at - token.created_at == pytest.approx(
            timedelta(days=30), abs=timedelta(minutes=1)
        )


def test_an_access_token_gets_an_expiry(user, apitokens_token):
    assert apitokens_token(user, kind="access").token.expires_at is not None
    assert apitokens_token(user).token.expires_at is None


def test_a_userless_token(client, apitokens_token):
    made = apitokens_token(None, service="tmy", scopes=["read"], account_id="")
    assert made.token.userless
    assert client.get("/api/tmy", headers=made.headers).status_code == 200


def test_a_revoked_token(app, client, user, apitokens_token):
    host = hosts.host_of(app)
    with app.app_context():
        made = apitokens_token(user, service="tmy", scopes=["read"])
        host.apitokens.revoke(made.token)
        host.db.session.commit()
    assert client.get("/api/tmy", headers=made.headers).status_code == 401


def test_the_tests_own_session_is_used(app, client, apitokens_token):
    host = hosts.host_of(app)
    with app.app_context():
        bob = host.user_model(email="bob@example.com")
        host.db.session.add(bob)
        host.db.session.flush()
        made = apitokens_token(bob, service="tmy", scopes=["read"])
        assert made.token in host.db.session
        assert client.get("/whoami", headers=made.headers).json["you"] == bob.email
"""


#: one of the tests runs in each of two ways
COUNT = TESTS.count("def test_") + 1


def run(folder: Path, *plugins: str, conftest: str, tests: str = TESTS) -> str:
    """What pytest prints of an application's tests, with our plugin and *plugins*."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_host.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    named = ("flask_apitokens.testing", "no:cacheprovider", *plugins)
    arguments = ["-v", *(f"-p{name}" for name in named)]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", *arguments, "-c", "pytest.ini", "."],
        cwd=folder,
        env={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_application_tests_itself_with_the_fixtures(tmp_path: Path) -> None:
    printed = run(tmp_path, conftest=HOST + CLIENT)
    assert f" {COUNT} passed" in printed, printed


def test_application_tests_itself_with_pytest_flask(tmp_path: Path) -> None:
    # It brings `client`, and pushes a request context around each test.
    printed = run(tmp_path, "pytest_flask.plugin", conftest=HOST)
    assert f" {COUNT} passed" in printed, printed


def test_fixture_ends_the_thread_of_the_application(tmp_path: Path) -> None:
    on_file = HOST.replace("sqlite://", f"sqlite:///{tmp_path}/host.sqlite")
    tests = """
import threading
import pytest

@pytest.fixture
def ended():
    yield
    assert threading.active_count() == 1

def test_it(ended, client, user, acting_as):
    headers = acting_as(user, service="tmy")
    assert client.get("/whoami", headers=headers).status_code == 200
    assert threading.active_count() == 2
"""
    printed = run(tmp_path, conftest=on_file + CLIENT, tests=tests)
    assert " 1 passed" in printed, printed
    assert "error" not in printed, printed


def test_missing_app_fixture_is_named(tmp_path: Path) -> None:
    printed = run(
        tmp_path, conftest="", tests="def test_it(apitokens_token):\n    pass\n"
    )
    assert "fixture 'app' not found" in printed


def test_pytest_lists_the_fixtures() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (name, module), *more = project["entry-points"]["pytest11"].items()
    assert (name, more) == ("apitokens", [])
    assert import_module(module).acting_as
