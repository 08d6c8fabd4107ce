"""Imported tokens: they work as they did, and nothing of them is left to be read."""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy import update

from flask_apitokens import signals
from flask_apitokens import token_required
from flask_apitokens.crypto.foreign_digests import strength_of
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import DomainError
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.commandline import stored_values
from tests.conftest import MakeApp

NEW = "2026:k3JdPq9xLmZr7TvWb2NcYf8HsGa5Ue1o"
OLD = "2025:Zt6RfVbG4hNyUj8MkIl0PqAzWsXeDc7r"
#: the cheapest bcrypt, and nothing written that a statement counter would see
CONFIG: dict[str, Any] = {
    "APITOKENS_PEPPERS": (NEW,),
    "APITOKENS_IMPORT_BCRYPT_ROUNDS": 4,
    "APITOKENS_USAGE": "off",
}
UUID = "0b0c5c8e-8d4e-4e59-bd7e-3a1f5d6b7c88"
SHORT = "kq7ZtP2mWx9RvB4n"
LONG = ("Xy7.~+/=-_" * 20)[:200]
TOKENS = (UUID, SHORT, LONG)


def take_in(app: Flask, token: str, owner: Any, **values: Any) -> str:
    """Import a token, committed; its id."""
    host = hosts.host_of(app)
    with app.app_context():
        made = host.apitokens.import_token(token, owner=owner, **values)
        host.db.session.commit()
        assert made is not None
        return made.id


def call(app: Flask, token: str, path: str = "/api/plain") -> Any:
    """Return the response of a guarded route to a token."""
    # Buffered: the answer is closed, and what waited for that is done.
    return app.test_client().get(path, headers=bearer(token), buffered=True)


def row_of(app: Flask, token_id: str) -> Any:
    """Return the row by which a token is looked up."""
    model = bearing.models_of(app)
    query = select(
        model.Import.digest,
        model.Import.source,
        model.Import.pepper,
        model.Import.strength,
        model.Token.secret_hash,
        model.Token.check_digest,
        model.Token.scheme,
    ).join(model.Token, model.Token.id == model.Import.token_id)
    with bearing.engine_of(app).connect() as connection:
        return connection.execute(query.where(model.Token.id == token_id)).one()


@pytest.fixture
def anywhere(make_app: MakeApp, database_url: str) -> Flask:
    """Return a host with a pepper, on each database in turn."""
    return make_app(database_url, **CONFIG)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return a host with a pepper, on SQLite."""
    return make_app(**CONFIG)


# -- the guard -----------------------------------------------------------------


def test_imported_tokens_work_unchanged(anywhere: Flask) -> None:
    """LEG-01: as Bearer and in the query, where a "+" may arrive as a space."""
    app = anywhere

    @app.get("/api/query")
    @token_required(query_parameter="key")
    def query() -> str:
        return "in"

    user = hosts.create_user(app, "ada@example.com")
    for token in TOKENS:
        token_id = take_in(app, token, user)
        assert call(app, token).json == {"token": token_id}
        pasted = {"key": f"\ufeff {token}\r\n"}
        for sent in ({"key": token}, f"key={token}", pasted):
            answer = app.test_client().get("/api/query", query_string=sent)
            assert answer.status_code == 200
        assert code(call(app, token[:-1] + "!")) == "malformed_request"
        assert code(call(app, token[:-1] + "0")) == "invalid_token"


def test_imported_plaintext_is_stored_nowhere(
    anywhere: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """LEG-02, VER-02: no plaintext, and no digest that needs no pepper."""
    caplog.set_level(logging.DEBUG)
    user = hosts.create_user(anywhere, "ada@example.com")
    for token in TOKENS:
        token_id = take_in(anywhere, token, user)
        assert call(anywhere, token).status_code == 200
        row = row_of(anywhere, token_id)
        assert row.scheme == "imported"
        assert row.secret_hash.startswith("$2b$04$")
        text = stored_values(anywhere) + caplog.text
        assert token not in text
        for name in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(name, token.encode()).digest()
            assert repr(digest)[2:-1] not in text
            assert digest.hex() not in text


def test_look_up_of_an_imported_token_is_one_select(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LEG-04. A token that was not imported runs no bcrypt."""
    app = make_app(database_url, **{**CONFIG, "APITOKENS_PEPPERS": [NEW, OLD]})
    user = hosts.create_user(app, "ada@example.com")
    public, native = bearing.generate(app, user)
    for number in range(5):
        take_in(app, f"{UUID}-{number}", user)
    asked = bearing.Bcrypt(monkeypatch)
    with bearing.listening(app) as wire:
        call(app, native)
        call(app, f"{UUID}-1")
        checks = asked.checks
        for token, status in (
            (f"{UUID}-1", 200),
            (native, 200),
            (f"{UUID}-7", 401),
            ("garbage", 401),
            ("a" * 512, 401),
        ):
            wire.forget()
            assert call(app, token).status_code == status
            assert wire.verbs == ["SELECT"]
        # A slip in one of our own is known without a query.
        for token in (native[:-1] + "#", native[:-1] + "0", "apts_whatever"):
            wire.forget()
            assert call(app, token).status_code in {400, 401}
            assert wire.statements == []
    assert asked.checks == checks


def test_foreign_token_without_peppers_costs_no_query(make_app: MakeApp) -> None:
    """LEG-04: the feature is off, and a foreign token costs no query."""
    app = make_app(APITOKENS_USAGE="off")
    with bearing.listening(app) as wire:
        for token in (UUID, SHORT, LONG):
            assert code(call(app, token)) == "invalid_token"
        assert code(call(app, "1|abcdefgh")) == "malformed_request"
        assert wire.statements == []
    with app.app_context(), pytest.raises(ConfigurationError, match="PEPPERS"):
        hosts.host_of(app).apitokens.import_token(UUID, owner=None)


def test_unknown_tokens_get_identical_responses(app: Flask) -> None:
    """HTTP-02: one of ours, one of theirs, one with the digest of theirs."""
    user = hosts.create_user(app, "ada@example.com")
    take_in(app, UUID, user)
    bodies = []
    for token in (
        bearing.sealed("0123456789ab"),
        UUID[:-1] + "0",
        hashlib.sha256(UUID.encode()).hexdigest(),
    ):
        answer = call(app, token)
        body = bearing.problem(answer)
        del body["instance"]
        bodies.append((body, answer.headers["WWW-Authenticate"]))
    assert bodies[0] == bodies[1] == bodies[2]


def test_every_look_up_finds_imported_tokens(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the session's connection, and through SQLAlchemy for another driver."""
    monkeypatch.setattr("flask_apitokens.lookup.connections.AUTOCOMMIT", {})
    for more in ({}, {"APITOKENS_LOOKUP": "session"}):
        app = make_app(database_url, **CONFIG, **more)
        user = hosts.create_user(app, f"{uuid.uuid4()}@example.com")
        token = uuid.uuid4().hex
        token_id = take_in(app, token, user)
        assert call(app, token).json == {"token": token_id}
        assert code(call(app, token + "0")) == "invalid_token"
        hosts.put_away(app)


def test_look_up_uses_the_one_connection_of_an_in_memory_database(
    make_app: MakeApp,
) -> None:
    """The rehash must not join the host's open transaction."""
    app = make_app("sqlite://", **CONFIG)
    user = hosts.create_user(app, "ada@example.com")
    digest = hashlib.sha256(UUID.encode()).hexdigest()
    take_in(app, digest, user, digest="sha256")
    for _ in range(2):
        assert call(app, UUID).status_code == 200
    assert code(call(app, SHORT)) == "invalid_token"


def test_look_up_of_an_imported_token_uses_an_index(app: Flask) -> None:
    """However many imports there are, none is looked at that is not meant."""
    with app.app_context():
        query = str(app.extensions["apitokens"].finder._select_by_digests(4))
    with bearing.engine_of(app).connect() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {re.sub(':[a-z]+_[0-9]', '?', query)}",
            tuple(bytes([n]) * 32 for n in range(4)),
        ).all()
    steps = [row[3] for row in plan]
    assert not [step for step in steps if step.startswith("SCAN")]
    assert [step for step in steps if "(digest=?)" in step]


def test_imported_tokens_have_state_and_rights_like_native_ones(
    anywhere: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LEG-09: rename, deactivate, revoke and delete, each at the next call."""
    app = anywhere
    user = hosts.create_user(app, "ada@example.com")
    token_id = take_in(app, UUID, user, service="tmy")
    assert code(call(app, UUID, "/api/tmy")) == "service_inactive"
    bearing.subscribe(app, user, "tmy")
    asked = bearing.Bcrypt(monkeypatch)
    assert [call(app, UUID, "/api/tmy").status_code for _ in range(3)] == [200] * 3
    assert asked.checks == 1
    assert code(call(app, UUID)) == "wrong_service"
    host = hosts.host_of(app)
    with app.app_context():
        [token] = host.apitokens.tokens_of(user)
        host.apitokens.deactivate(token, "leaked")
        host.db.session.commit()
        assert code(call(app, UUID, "/api/tmy")) == "token_deactivated"
        host.apitokens.activate(token)
        host.db.session.commit()
        assert call(app, UUID, "/api/tmy").status_code == 200
        host.apitokens.revoke(token)
        host.db.session.commit()
        assert code(call(app, UUID, "/api/tmy")) == "token_revoked"
        host.apitokens.delete(token)
        host.db.session.commit()
        assert code(call(app, UUID, "/api/tmy")) == "invalid_token"
        # The deletion was on purpose: a second import of its file does not undo it.
        assert host.apitokens.import_token(UUID, owner=user) is None
    assert asked.checks == 1
    with app.app_context():
        ctx = bearing.context_of(app)
        assert bearing.actions(ctx, token_id)[0] == "imported"


def test_deleting_the_owner_deletes_imported_tokens(anywhere: Flask) -> None:
    user = hosts.create_user(anywhere, "ada@example.com")
    take_in(anywhere, UUID, user)
    host = hosts.host_of(anywhere)
    with anywhere.app_context():
        host.db.session.delete(host.db.session.get(host.user_model, user.id))
        host.db.session.commit()
    assert code(call(anywhere, UUID)) == "invalid_token"


# -- digests of other systems --------------------------------------------------


def _foreign() -> list[tuple[str, str, str, str]]:
    """Kind, token, what the other system stored, and what its clients send."""
    key, text = "Ab3dEf7h." + SHORT, "9f8a" * 16
    indico = "indp_" + "Q7x" * 14
    sha256, sha512 = hashlib.sha256, hashlib.sha512
    return [
        # Sanctum keeps the SHA-256 of what is behind the bar, Indico of all.
        ("sha256", SHORT, sha256(SHORT.encode()).hexdigest(), "17|" + SHORT),
        ("sha256", indico, sha256(indico.encode()).hexdigest(), indico),
        # djangorestframework-api-key, as Django writes it.
        ("sha512", key, "sha512$$" + sha512(key.encode()).hexdigest(), key),
        # django-rest-knox 5 hashes the text, 4 the bytes that it encodes.
        ("sha512", text, sha512(text.encode()).hexdigest(), text),
        (
            "sha512-unhex",
            text[::-1],
            sha512(bytes.fromhex(text[::-1])).hexdigest().upper(),
            text[::-1],
        ),
    ]


def test_imported_digest_is_rehashed_at_first_use(anywhere: Flask) -> None:
    app = anywhere
    user = hosts.create_user(app, "ada@example.com")
    for kind, token, text, sent in _foreign():
        token_id = take_in(app, text, user, digest=kind)
        before = row_of(app, token_id)
        assert (before.source, before.strength) == (None, "unknown")
        assert call(app, text).status_code in {400, 401}
        assert call(app, sent).status_code == 200
        after = row_of(app, token_id)
        assert after.digest != before.digest
        assert after.secret_hash != before.secret_hash
        assert after.source == before.digest
        assert after.strength in {"weak", "strong"}
        assert call(app, sent).status_code == call(app, token).status_code == 200
        # Known under either form, so that importing again changes nothing.
        assert take_in(app, text, user, digest=kind) == token_id
        assert take_in(app, token, user) == token_id
        assert row_of(app, token_id) == after
        raw = text.removeprefix("sha512$$").lower()
        kept = stored_values(app)
        for left in (token, raw, repr(bytes.fromhex(raw))[2:-1]):
            assert left not in kept


def test_first_import_of_a_token_or_its_digest_wins(
    anywhere: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether they are the same is unknown; the second may have another owner."""
    app = anywhere
    ada = hosts.create_user(app, "ada@example.com")
    eve = hosts.create_user(app, "eve@example.com")
    for number in range(4):
        token = f"{UUID}-{number}"
        digest = hashlib.sha256(token.encode()).hexdigest()
        first = take_in(app, token, ada)
        take_in(app, digest, eve, digest="sha256")
        assert [call(app, token).json for _ in range(2)] == [{"token": first}] * 2
    assert "could not be keyed anew" not in caplog.text


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "a" * 63, "sha256$$" + "a" * 62])
def test_malformed_digest_is_refused(app: Flask, text: str) -> None:
    with pytest.raises(DomainError, match="64 hexadecimal digits"):
        take_in(app, text, None, digest="sha256")
    with pytest.raises(DomainError, match="sha256, sha512, sha512-unhex"):
        take_in(app, text, None, digest="md5")


# -- peppers -------------------------------------------------------------------


def test_pepper_is_replaced_while_tokens_work(
    make_app: MakeApp, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """LEG-06: keyed anew on use; LEG-05: loud where one is missing, by its id."""
    first = make_app(database_url, **{**CONFIG, "APITOKENS_PEPPERS": [OLD]})
    user = hosts.create_user(first, "ada@example.com")
    used, unused = take_in(first, UUID, user), take_in(first, LONG, user)
    digest = hashlib.sha256(SHORT.encode()).hexdigest()
    foreign = take_in(first, digest, user, digest="sha256")
    assert call(first, SHORT).status_code == 200
    both = make_app(database_url, **{**CONFIG, "APITOKENS_PEPPERS": [NEW, OLD]})
    for _ in range(2):
        assert call(both, UUID).status_code == call(both, SHORT).status_code == 200
    assert {row_of(both, one).pepper for one in (used, foreign)} == {"2026"}
    assert row_of(both, unused).pepper == "2025"
    # What is known is known under every pepper, in every form.
    assert take_in(both, UUID, user) == used
    assert take_in(both, LONG, user) == unused
    assert take_in(both, digest, user, digest="sha256") == foreign
    assert "lacks" not in caplog.text
    last = make_app(database_url, **CONFIG)
    assert call(last, UUID).status_code == call(last, SHORT).status_code == 200
    assert code(call(last, LONG)) == "invalid_token"
    [said] = [r.getMessage() for r in caplog.records if r.levelname == "CRITICAL"]
    assert "2025 (1 token)" in said
    for pepper in (NEW, OLD):
        assert pepper.partition(":")[2] not in caplog.text


def test_missing_peppers_are_logged_at_the_first_page(
    make_app: MakeApp, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(sqlite_url, **CONFIG)
    user = hosts.create_user(app, "ada@example.com")
    take_in(app, UUID, user)
    bare = make_app(sqlite_url)
    client = bare.test_client()
    hosts.login(client, user)
    for _ in range(2):
        assert client.get("/account/api-tokens/").status_code == 200
    said = [r.getMessage() for r in caplog.records if r.levelname == "CRITICAL"]
    assert len(said) == 1
    assert "2026 (1 token)" in said[0]


def test_concurrent_first_uses_rehash_a_token_once(
    make_app: MakeApp, database_url: str
) -> None:
    old = make_app(database_url, **{**CONFIG, "APITOKENS_PEPPERS": [OLD]})
    token_id = take_in(old, UUID, hosts.create_user(old, "ada@example.com"))
    both = make_app(database_url, **{**CONFIG, "APITOKENS_PEPPERS": [NEW, OLD]})
    other = make_app(database_url, **{**CONFIG, "APITOKENS_PEPPERS": [NEW, OLD]})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: call((both, other)[n % 2], UUID), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert row_of(both, token_id).pepper == "2026"
    assert call(both, UUID).status_code == 200


def test_raised_bcrypt_rounds_rehash_at_use(make_app: MakeApp, sqlite_url: str) -> None:
    """VER-19 for imported tokens; a new SECRET_KEY does not matter: VER-18."""
    app = make_app(sqlite_url, **CONFIG)
    token_id = take_in(app, UUID, hosts.create_user(app, "ada@example.com"))
    costly = {**CONFIG, "APITOKENS_IMPORT_BCRYPT_ROUNDS": 5, "SECRET_KEY": "another"}
    raised = make_app(sqlite_url, **costly)
    assert call(raised, UUID).status_code == 200
    assert row_of(raised, token_id).secret_hash.startswith("$2b$05$")
    assert call(app, UUID).status_code == call(raised, UUID).status_code == 200


def test_damaged_row_is_refused(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    user = hosts.create_user(app, "ada@example.com")
    token_id = take_in(app, UUID, user)
    for damage in ({"secret_hash": "$2b$"}, {"check_digest": bytes(16)}):
        bearing.change(app, token_id, **damage)
        assert code(call(app, UUID)) == "invalid_token"
    model = bearing.models_of(app).Import
    with bearing.engine_of(app).begin() as connection:
        connection.execute(update(model).values(token_id=None))
    assert code(call(app, UUID)) == "invalid_token"
    assert UUID not in caplog.text


# -- settings ------------------------------------------------------------------

GOOD = NEW.partition(":")[2]


@pytest.mark.parametrize(
    "value",
    [
        (NEW, OLD),
        [NEW, OLD],
        f"{NEW},{OLD}",
        f" {NEW}\n{OLD} ",
        [("2026", GOOD), OLD.split(":")],
        {"2026": GOOD, "2025": OLD.partition(":")[2]},
    ],
)
def test_peppers_are_parsed_in_each_form(make_app: MakeApp, value: Any) -> None:
    app = make_app(APITOKENS_PEPPERS=value)
    peppers = app.extensions["apitokens"].settings.peppers
    assert [pepper.id for pepper in peppers] == ["2026", "2025"]
    assert peppers[0].secret == GOOD.encode()
    assert GOOD not in repr(app.extensions["apitokens"].settings)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (GOOD, "id:secret"),
        (7, "id:secret"),
        ([7], "id:secret"),
        ([("a", 7)], "id:secret"),
        (f"{'i' * 17}:{GOOD}", "id:secret"),
        (f"a b:{GOOD}", "id:secret"),
        (f"a:{GOOD[:31]}", "shorter or hardly random"),
        ("a:" + "abcabcabc" * 9, "shorter or hardly random"),
        ("a:change-me-" + GOOD, "placeholder such as “changeme”"),
        (f"a:{GOOD},a:{GOOD}x", "a is there twice"),
        (f"a:{GOOD},b:{GOOD}", "a secret of its own"),
    ],
)
def test_wrong_peppers_are_refused_and_not_repeated(
    make_app: MakeApp, value: Any, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        make_app(APITOKENS_PEPPERS=value)
    assert GOOD[:20] not in str(refused.value)


def test_secret_key_as_pepper_is_refused(make_app: MakeApp) -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEY") as refused:
        make_app(APITOKENS_PEPPERS=NEW, SECRET_KEY=GOOD)
    assert GOOD not in str(refused.value)


# -- importing from code -------------------------------------------------------


def test_second_import_returns_the_same_token(anywhere: Flask) -> None:
    app = anywhere
    user = hosts.create_user(app, "ada@example.com")
    other = hosts.create_user(app, "grace@example.com")
    heard: list[Any] = []
    with signals.token_imported.connected_to(
        lambda sender, **values: heard.append(values), app
    ):
        first = take_in(app, UUID, user)
        assert take_in(app, UUID, user, name="Other") == first
    assert [values["token"].id for values in heard] == [first]
    with pytest.raises(DomainError, match="for another owner"):
        take_in(app, UUID, other)
    with pytest.raises(DomainError, match="for another owner"):
        take_in(app, UUID, None)
    nobodys = take_in(app, SHORT, None, account_id="acme")
    assert take_in(app, SHORT, None, account_id="acme") == nobodys
    with pytest.raises(DomainError, match="for another owner"):
        take_in(app, SHORT, None)


def test_generated_names_are_unique(anywhere: Flask) -> None:
    app = anywhere
    user = hosts.create_user(app, "ada@example.com")
    bearing.generate(app, user, name="Imported token 1")
    for number, name in enumerate(("", "", "CI", "CI", "x" * 80, "x" * 80)):
        take_in(app, f"{UUID}-{number}", user, name=name)
    with app.app_context():
        host = hosts.host_of(app)
        names = sorted(token.name for token in host.apitokens.tokens_of(user))
    assert names == [
        *("CI", "CI 2", "Imported token 1", "Imported token 2", "Imported token 3"),
        *("x" * 72 + " 2", "x" * 80),
    ]


def test_token_limit_counts_imports_and_does_not_refuse_them(make_app: MakeApp) -> None:
    app = make_app(**CONFIG, APITOKENS_MAX_PER_OWNER=2)
    user = hosts.create_user(app, "ada@example.com")
    for number in range(3):
        take_in(app, f"{UUID}-{number}", user)
    with pytest.raises(DomainError, match="already have 2 tokens"):
        bearing.generate(app, user)


def test_imported_tokens_are_bound_to_the_email(
    make_app: MakeApp, database_url: str
) -> None:
    directory = hosts.Directory()
    plugin: dict[str, Any] = {"email_of": directory.email_of}
    bound = {**CONFIG, "APITOKENS_BIND_TO_EMAIL": True}
    app = make_app(database_url, plugin=plugin, **bound)
    user = hosts.create_user(app, "ada@example.com")
    take_in(app, UUID, user)
    take_in(app, LONG, None, account_id="acme")
    digest = hashlib.sha256(SHORT.encode()).hexdigest()
    take_in(app, digest, user, digest="sha256")
    for token in (UUID, SHORT, LONG):
        assert call(app, token).status_code == 200
    bearing.change_user(app, user, email="other@example.com")
    # The second one by what it was hashed anew as.
    for token in (UUID, SHORT):
        assert code(call(app, token)) == "owner_email_changed"
    assert call(app, LONG).status_code == 200
    directory.is_away = True
    with pytest.raises(DomainError, match="address is unknown"):
        take_in(app, f"{UUID}-2", user)


def test_text_that_cannot_be_a_token_is_refused(app: Flask) -> None:
    user = hosts.create_user(app, "ada@example.com")
    _public, native = bearing.generate(app, user)
    for text, said in (
        ("", "512 characters"),
        ("with space", "512 characters"),
        ("käse-brot-1234", "512 characters"),
        ("a|bcdefghij", "512 characters"),
        ("a" * 513, "512 characters"),
        ("short12", "8 characters"),
        ("12345678|short12", "8 characters"),
        (native, "own tokens"),
        (native[:-1] + "0", "own tokens"),
        ("apts_anything", "own tokens"),
    ):
        with pytest.raises(DomainError, match=said) as refused:
            take_in(app, text, user)
        assert not text or text not in str(refused.value)
    with pytest.raises(DomainError, match="no such service"):
        take_in(app, UUID, user, service="nothing")
    with pytest.raises(DomainError):
        take_in(app, UUID, user, service="tmy", scopes=["write"])


def test_expiry_and_scopes_are_imported(anywhere: Flask) -> None:
    app = anywhere
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "timeseries")
    soon = datetime.now(UTC) + timedelta(days=3)
    scope = {"service": "timeseries", "scopes": ["write"]}
    take_in(app, UUID, user, expires_at=soon, **scope)
    take_in(app, SHORT, user, service="timeseries")
    for token in (UUID, SHORT):
        answer = app.test_client().post("/api/timeseries/jobs", headers=bearer(token))
        assert answer.status_code == 202
    with app.app_context():
        state = app.extensions["apitokens"]
        digests = [
            keyed.digest for keyed in state.pepper_set.keyed_digests(UUID.encode())
        ]
        found = state.finder.find_by_digests(digests)
        assert (found.scopes, found.expires_at) == (("write",), soon)


def test_expiry_after_the_latest_date_is_never(app: Flask) -> None:
    """Systems without "never" write 9999-12-31."""
    user = hosts.create_user(app, "ada@example.com")
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    take_in(app, UUID, user, expires_at=end)
    assert "Apitokens-Expires" not in call(app, UUID).headers


@pytest.mark.parametrize(
    ("token", "strength"),
    [
        (UUID, "strong"),
        (SHORT, "strong"),
        ("0123456789abcdef", "weak"),  # 64 bits
        ("0123456789abcdef0123", "strong"),  # 80
        ("1234567890" * 2 + "1234", "weak"),  # 79.7
        ("1234567890" * 2 + "12345", "strong"),
        ("Password1234", "weak"),
        ("a" * 200, "weak"),
        ("=" * 20, "weak"),
    ],
)
def test_strength_depends_on_length_and_alphabet(token: str, strength: str) -> None:
    assert strength_of(token.encode()) == strength


# -- pages ---------------------------------------------------------------------


def test_pages_mark_imported_tokens(make_app: MakeApp) -> None:
    """LEG-09: marked, never "Never shown", and the weak ones counted and found."""
    app = make_app(**CONFIG, plugin=hosts.accounts())
    user = hosts.create_user(app, "ada@example.com")
    admin = hosts.create_user(app, "admin@example.com")
    bearing.generate(app, user, name="Our own")
    strong = take_in(app, UUID, user, name="From the old API")
    weak = take_in(app, "0123456789abcdef", user, name="Too short")
    past = datetime.now(UTC) - timedelta(days=1)
    for token_id in (strong, weak):
        bearing.change(app, token_id, created_at=past)
    client = app.test_client()
    hosts.login(client, user)
    listed = client.get("/account/api-tokens/").get_data(as_text=True)
    assert listed.count('<span class="at-chip at-chip--plain">Imported</span>') == 2
    assert "Never shown" not in listed
    own = client.get(f"/account/api-tokens/{strong}").get_data(as_text=True)
    assert "Another system made it." in own
    assert UUID not in own
    hosts.login(client, admin)
    tokens = client.get("/admin/api/tokens").get_data(as_text=True)
    assert "<dt>Imported and weak</dt>" in tokens
    found = client.get("/admin/api/tokens?origin=weak").get_data(as_text=True)
    assert "Too short" in found
    assert "From the old API" not in found
    found = client.get("/admin/api/tokens?origin=imported").get_data(as_text=True)
    assert "Our own" not in found
    assert "From the old API" in found
    log = client.get("/admin/api/audit?event=imported").get_data(as_text=True)
    assert "Token imported" in log
    # One that was found somewhere is looked for by what it is, and not shown again.
    answer = client.get("/admin/api/tokens", query_string={"q": UUID})
    assert answer.status_code == 302
    assert UUID not in answer.headers["Location"]
    assert strong in answer.headers["Location"]
