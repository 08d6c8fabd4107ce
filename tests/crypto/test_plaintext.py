"""No log, ``repr`` or traceback of ours shows the text of a token or a digest of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from flask import got_request_exception
from jinja2 import ChoiceLoader
from jinja2 import DictLoader
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from flask_apitokens import current_token
from flask_apitokens import errors
from flask_apitokens import signals
from flask_apitokens import token_required
from flask_apitokens.core.context import utcnow
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.crypto.verification_cache import Verifier
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.crypto.test_session_tokens import log_in
from tests.pages import visitor
from tests.web.views.test_rotate import rotate

OURS = "flask_apitokens"
PEPPERS = ("2026:k3JdPq9xLmZr7TvWb2NcYf8HsGa5Ue1o",)
FOREIGN = "9f8b2c4e-1d3a-4b5c-8d7e-6f5a4b3c2d1e"


class Boom(Exception):
    """The fault of a host's function."""


def shown_by(error: BaseException) -> str:
    """Return all that a collector of errors would send of our frames.

    It follows causes and contexts, as these tools do.
    """
    chain: list[BaseException] = []
    follows: BaseException | None = error
    while follows is not None and follows not in chain:
        chain.append(follows)
        follows = follows.__cause__ or follows.__context__
    shown = []
    for each in chain:
        for frame, _line in traceback.walk_tb(each.__traceback__):
            module, code = frame.f_globals.get("__name__", ""), frame.f_code
            if module.startswith(OURS) or "template" in code.co_filename:
                shown += [
                    f"{code.co_filename}:{code.co_name}: {name} = {value!r}"
                    for name, value in frame.f_locals.items()
                ]
    assert shown
    return "\n".join(shown)


def needles_of(app: Flask, plaintext: str | None = None) -> list[str]:
    """Return what must not be shown: the secret, and what is stored of any token."""
    found = [] if plaintext is None else [plaintext[17:]]
    model = bearing.models_of(app).Token
    with app.app_context():
        for row in hosts.host_of(app).db.session.query(model):
            found += [row.secret_hash[7:], repr(bytes(row.check_digest))[2:-1]]
    return found


@pytest.fixture
def plain(make_app: MakeApp) -> Flask:
    """Return a host without services."""
    return make_app(services=False)


@contextmanager
def failures(app: Flask) -> Iterator[list[BaseException]]:
    """Collect the exceptions that leave the views."""
    found: list[BaseException] = []

    def keep(sender: Flask, exception: BaseException, **_: object) -> None:
        found.append(exception)

    app.config["PROPAGATE_EXCEPTIONS"] = False
    with got_request_exception.connected_to(keep, app):
        yield found


@pytest.fixture
def minted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the plaintexts that are made."""
    made: list[str] = []
    mint = crypto_tokens.mint

    def noted(brand: str) -> crypto_tokens.Minted:
        new = mint(brand)
        made.append(new.plaintext.reveal())
        return new

    monkeypatch.setattr(crypto_tokens, "mint", noted)
    return made


def check(error: BaseException, needles: list[str]) -> None:
    text = shown_by(error)
    assert needles
    for needle in needles:
        at = text.find(needle)
        assert at < 0, text[max(0, at - 200) : at + 60]


def test_plaintext_prints_as_stars() -> None:
    plaintext = Plaintext("apt_<secret>")
    assert (repr(plaintext), str(plaintext), f"{plaintext}") == ("***",) * 3
    assert f"{[plaintext]}" == "[***]"
    assert plaintext.reveal() == "apt_<secret>"
    assert plaintext.__html__() == "apt_&lt;secret&gt;"
    assert repr(crypto_tokens.mint("apt")).endswith("plaintext=***)")


def test_row_of_the_current_token_prints_no_digest(app: Flask, user: Any) -> None:
    seen = []

    @app.get("/seen")
    @token_required
    def view() -> str:
        seen.append(f"{current_token.found!r} {current_token!r} {current_token.found}")
        return ""

    public, plaintext = bearing.generate(app, user)
    assert app.test_client().get("/seen", headers=bearer(plaintext)).status_code == 200
    assert public in seen[0]
    for needle in needles_of(app, plaintext):
        assert needle not in seen[0]


@pytest.mark.parametrize("act", ["generate", "rotate"])
@pytest.mark.parametrize("htmx", [True, False])
def test_failing_template_shows_no_plaintext(
    act: str, htmx: bool, plain: Flask, minted: list[str]
) -> None:
    app, user = plain, hosts.create_user(plain, "ada@example.com")
    token_id, _ = bearing.generate(app, user)
    minted.clear()
    client = visitor(app, user)
    client = client if htmx else client.without_script()
    broken = "{{ reveal.plaintext }}{{ reveal.download }}{{ 1 / 0 }}"
    name = "apitokens/partials/_reveal_body.html"
    env = app.jinja_env
    env.loader = ChoiceLoader([DictLoader({name: broken}), env.loader])  # type: ignore[list-item]
    with failures(app) as found:
        response = client.generate() if act == "generate" else rotate(client, token_id)
    assert response.status_code == 500
    assert len(minted) == 1
    assert isinstance(found[0], ZeroDivisionError)
    assert "NewToken" in shown_by(found[0])
    check(found[0], [minted[0][17:], *needles_of(app)])


@pytest.mark.parametrize("act", ["generate", "rotate"])
def test_failing_database_shows_no_plaintext(
    act: str, plain: Flask, minted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    app, user = plain, hosts.create_user(plain, "ada@example.com")
    token_id, _ = bearing.generate(app, user)
    minted.clear()
    needles: list[str] = []

    @event.listens_for(bearing.engine_of(app), "before_cursor_execute")
    def fail(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO apitokens_token"):
            needles.extend(v[7:] for v in values if str(v).startswith("$2b$"))
            raise Boom

    client = visitor(app, user)
    with failures(app) as found:
        if act == "generate":
            client.generate()
        else:
            rotate(client, token_id)
    assert len(minted) == len(needles) == 1
    check(found[0], [minted[0][17:], *needles])
    assert minted[0][17:] not in caplog.text


@pytest.mark.parametrize("act", ["generate", "rotate", "import"])
def test_error_of_a_refused_statement_names_no_value(
    act: str, make_app: MakeApp, database_url: str
) -> None:
    """The application's own code may log the error that our method raises."""
    app = make_app(database_url, services=False, APITOKENS_PEPPERS=PEPPERS)
    user, host = hosts.create_user(app, "ada@example.com"), hosts.host_of(app)
    token_id, _ = bearing.generate(app, user)

    @event.listens_for(bearing.engine_of(app), "before_cursor_execute", retval=True)
    def fail(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> Any:
        return statement.replace("INTO apitokens_token ", "INTO gone "), values

    ours = host.apitokens
    acts: dict[str, Callable[[], object]] = {
        "generate": lambda: ours.generate(owner=user, name="x"),
        "rotate": lambda: ours.rotate(ours.find_token(token_id)),
        "import": lambda: ours.import_token(FOREIGN, owner=user),
    }
    with app.app_context(), pytest.raises(SQLAlchemyError) as raised:
        acts[act]()
    assert "gone" in str(raised.value)
    assert "$2b$" not in str(raised.value)
    assert "hidden" in str(raised.value)


@pytest.mark.parametrize("act", ["generate", "rehash", "import"])
def test_log_of_a_refused_statement_has_no_hash(
    act: str, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    costs = {"APITOKENS_IMPORT_BCRYPT_ROUNDS": 4}
    app = make_app(services=False, APITOKENS_PEPPERS=PEPPERS, **costs)
    user, host = hosts.create_user(app, "ada@example.com"), hosts.host_of(app)
    _id, plaintext = bearing.generate(app, user)
    if act == "import":
        plaintext = FOREIGN
        with app.app_context():
            host.apitokens.import_token(FOREIGN, owner=user)
            host.db.session.commit()
    change = "INSERT" if act == "generate" else "UPDATE OF secret_hash"
    with bearing.engine_of(app).begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER broken BEFORE {change} ON apitokens_token "  # noqa: S608
            "BEGIN INSERT INTO nowhere VALUES (1); END"
        )
    state = app.extensions["apitokens"]
    state.settings = replace(state.settings, bcrypt_rounds=5, import_bcrypt_rounds=5)
    if act == "generate":
        assert visitor(app, user).generate().status_code == 503
    else:
        client, sent = app.test_client(), bearer(plaintext)
        response = client.get("/api/plain", headers=sent, buffered=True)
        assert response.status_code == 200
    assert "no such table: main.nowhere" in caplog.text
    assert "$2b$" not in caplog.text
    for error in [r.exc_info[1] for r in caplog.records if r.exc_info]:
        assert error is not None
        check(error, needles_of(app))


@pytest.mark.parametrize("kind", ["native", "session", "imported"])
def test_failing_function_of_the_host_shows_no_plaintext(
    kind: str, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    faults: list[str] = []

    def fails(place: str) -> Any:
        if place in faults:
            raise Boom(place)
        return True

    app = make_app(
        can_use_api=lambda user: fails("can_use_api"),
        APITOKENS_PEPPERS=PEPPERS,
    )
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    options: dict[str, Any] = {"service": "tmy", "scopes": ["read"]}
    if kind == "imported":
        plaintext = FOREIGN
        with app.app_context():
            host = hosts.host_of(app)
            host.apitokens.import_token(plaintext, owner=user, **options)
            host.db.session.commit()
        secrets = [plaintext]
    else:
        options["kind"] = "access" if kind == "session" else "api"
        ends = {"expires_at": utcnow() + timedelta(days=1)} if kind == "session" else {}
        _id, plaintext = bearing.generate(app, user, **options, **ends)
        secrets = [plaintext[17:]]
        if kind == "session":
            plaintext = log_in(app.test_client(), plaintext)
            secrets.append(plaintext[20:])
    client = app.test_client()
    assert client.get("/api/ping", headers=bearer(plaintext)).status_code == 200

    def hear(sender: Flask, **_: object) -> None:
        fails("signal")

    with failures(app) as found, signals.token_authenticated.connected_to(hear, app):
        for place in ("can_use_api", "signal"):
            faults[:] = [place]
            client.get("/api/ping", headers=bearer(plaintext))
    needles = [*secrets, *needles_of(app)]
    assert [str(error) for error in found] == ["signal"]
    check(found[0], needles)
    told = [r.exc_info[1] for r in caplog.records if r.exc_info]
    assert [str(error) for error in told if isinstance(error, Boom)]
    for error in filter(None, told):
        check(error, needles)
    for needle in needles:
        assert needle not in caplog.text


def test_refusal_shows_no_plaintext(app: Flask, user: Any) -> None:
    """A host may send refusals to its collector."""
    _id, plaintext = bearing.generate(app, user)
    seen: list[errors.Refusal] = []

    @hosts.host_of(app).apitokens.error_handler
    def keep(refusal: errors.Refusal) -> str:
        seen.append(refusal)
        return ""

    client = app.test_client()
    wrong = bearing.another_secret(plaintext)
    for text in (plaintext, wrong, f"{plaintext}!", plaintext[:-1]):
        client.get("/api/tmy", headers=bearer(text))
    assert len(seen) == 4
    for refusal in seen:
        check(refusal, [plaintext[17:-1], wrong[17:-1], *needles_of(app)])


@pytest.mark.parametrize("fault", ["secret", "hash", "busy", "session"])
def test_refusal_shows_neither_digest_nor_key(fault: str, make_app: MakeApp) -> None:
    app = make_app(SECRET_KEY="key-of-the-host")
    token_id, plaintext = bearing.generate(app, hosts.create_user(app, "ada@a.example"))
    host, model = hosts.host_of(app), bearing.models_of(app).Token
    sent = plaintext
    if fault == "secret":
        sent = bearing.another_secret(plaintext)
    elif fault == "hash":
        with app.app_context():
            row = host.db.session.get_one(model, token_id)
            row.secret_hash = crypto_tokens.hash_token(b"another", 4)
            host.db.session.commit()
    elif fault == "session":
        sent = f"apts_{token_id}.1.x.{'a' * 64}"
    elif fault == "busy":
        app.extensions["apitokens"].verifier = Verifier(workers=1, waiting=-1)
    request = app.test_request_context(headers=bearer(sent))
    with request, pytest.raises(errors.Refusal) as raised:
        token_required(print)()
    digest = crypto_tokens.check_digest(sent.encode())
    needles = [sent[17:], repr(digest)[2:-1], "key-of-the-host", *needles_of(app)]
    check(raised.value, needles)


def test_failing_output_of_a_command_shows_no_plaintext(
    plain: Flask, minted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, user = plain, hosts.create_user(plain, "ada@example.com")

    def fail(*_: object, **__: object) -> None:
        raise Boom

    monkeypatch.setattr(click, "echo", fail)
    result = app.test_cli_runner().invoke(
        args=["apitokens", "token", "generate", "--owner", user.email, "--name", "CI"]
    )
    assert isinstance(result.exception, Boom), result.output
    check(result.exception, [minted[0][17:], *needles_of(app)])


@pytest.mark.parametrize("way", ["file", "table", "code"])
def test_failing_import_shows_no_plaintext(
    way: str, make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(APITOKENS_PEPPERS=PEPPERS, APITOKENS_IMPORT_BCRYPT_ROUNDS=4)
    user = hosts.create_user(app, "ada@example.com")
    needles = [FOREIGN]
    engine = bearing.engine_of(app)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE old (id INTEGER PRIMARY KEY, t TEXT)")
        connection.exec_driver_sql("INSERT INTO old VALUES (?, ?)", (user.id, FOREIGN))

    @event.listens_for(engine, "before_cursor_execute")
    def fail(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO apitokens_token"):
            needles.extend(v[7:] for v in values if str(v).startswith("$2b$"))
            raise Boom

    error: BaseException | None = None
    if way == "code":
        make = hosts.host_of(app).apitokens.import_token
        with app.app_context(), pytest.raises(Boom) as raised:
            make(FOREIGN, owner=user)
        error = raised.value
    else:
        file = tmp_path / "tokens.csv"
        file.write_text(f"ada@example.com,{FOREIGN}\n")
        table = ["--table", "old", "--column", "t", "--owner-column", "id"]
        source = [str(file)] if way == "file" else table
        args = ["apitokens", "token", "import", *source]
        error = app.test_cli_runner().invoke(args=args).exception
    assert isinstance(error, Boom)
    assert len(needles) == 2
    check(error, needles)


# -- fields --------------------------------------------------------------------


def stored_anywhere(app: Flask) -> str:
    """Return every value of every table of ours."""
    tables = bearing.models_of(app).tables
    with bearing.engine_of(app).connect() as connection:
        return "".join(repr(connection.execute(t.select()).all()) for t in tables)


@pytest.mark.parametrize("kind", ["native", "imported"])
@pytest.mark.parametrize("form", ["{}", "key {} of CI", "Bearer {}"])
def test_name_that_holds_a_token_keeps_no_secret(
    form: str, kind: str, make_app: MakeApp, database_url: str
) -> None:
    app = make_app(
        database_url, services=False, APITOKENS_PEPPERS=PEPPERS, APITOKENS_USAGE="sync"
    )
    user = hosts.create_user(app, "ada@example.com")
    token_id, plaintext = bearing.generate(app, user, name="Deploy")
    host, client = hosts.host_of(app), visitor(app, user)
    secret = plaintext[17:]
    if kind == "imported":
        plaintext = secret = FOREIGN
        with app.app_context():
            token = host.apitokens.import_token(FOREIGN, owner=user)
            host.db.session.commit()
            assert token is not None
            token_id = token.id
    typed = form.format(plaintext)
    for response in (
        client.post(f"{token_id}/rename", name=typed),
        client.without_script().post(f"{token_id}/rename", name=typed + "\0"),
        client.generate(name=f"new {typed}"),
        client.generate(name=f"too long {'x' * 99} {typed}"),
        client.generate(name="y", networks=f"{typed}"),
        client.get(query_string={"q": typed}),
    ):
        assert response.status_code < 500
        assert secret not in response.text
    with app.app_context():
        model = bearing.models_of(app).Token
        row = host.db.session.get_one(model, token_id)
        host.apitokens.generate(owner=user, name=f"by code {typed}")
        host.apitokens.deactivate(row, f"leaked: {typed}")
        host.apitokens.activate(row)
        host.db.session.commit()
    agent = {"User-Agent": f"curl/8 {plaintext}", **bearer(plaintext)}
    assert app.test_client().get("/api/plain", headers=agent).status_code == 200
    assert app.test_client().get(f"/echo/{plaintext}", headers=agent).status_code == 404
    hosts.put_away(app)
    everything = stored_anywhere(app)
    assert "curl/8" in everything
    assert secret not in everything


def test_imported_token_in_a_path_is_not_recorded(make_app: MakeApp) -> None:
    app = make_app(APITOKENS_PEPPERS=PEPPERS, APITOKENS_USAGE="sync")

    @app.get("/of/<name>")
    @token_required
    def of(name: str) -> str:
        return name

    user, host = hosts.create_user(app, "ada@example.com"), hosts.host_of(app)
    with app.app_context():
        host.apitokens.import_token(FOREIGN, owner=user)
        host.db.session.commit()
    client = app.test_client()
    assert client.get(f"/of/{FOREIGN}", headers=bearer(FOREIGN)).text == FOREIGN
    everything = stored_anywhere(app)
    assert "/of/…" in everything
    assert FOREIGN not in everything
