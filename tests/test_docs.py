"""The README and the pages of docs/ say what the code does."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy

import flask_apitokens
from flask_apitokens import APITokens
from flask_apitokens import errors
from flask_apitokens import signals
from flask_apitokens.audit.queries import GROUPS
from flask_apitokens.config import PREFIX
from flask_apitokens.config import Settings
from flask_apitokens.core import events
from flask_apitokens.core import service_events
from flask_apitokens.core import snapshots
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import Refusal
from scripts import reference
from tests import hosts
from tests.test_rooms import ORDER
from tests.tutorial import Reader
from tests.tutorial import code_blocks
from tests.tutorial import fits

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def page(name: str) -> str:
    """Return the text of a page below docs/."""
    return (DOCS / name).read_text("utf-8")


README = (ROOT / "README.md").read_text("utf-8")


def python_in(text: str) -> list[str]:
    """Return the Python blocks of a page."""
    return [block for language, block in code_blocks(text) if language == "python"]


@pytest.fixture
def registered(host: tuple[Flask, SQLAlchemy, Any]) -> Flask:
    """An application with the plugin, in memory."""
    app, db, user = host
    APITokens(db, user).init_app(app)
    return app


@pytest.fixture
def host() -> Iterator[tuple[Flask, SQLAlchemy, Any]]:
    """Yield an application with Flask-Login, its database and its user model."""
    app = Flask("docs_host")
    app.config.update(SECRET_KEY="docs", SQLALCHEMY_DATABASE_URI="sqlite://")
    db = SQLAlchemy(app)
    LoginManager(app)

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        email = db.Column(db.String(254))

    yield app, db, User
    hosts.put_away(app)


# -- every page ----------------------------------------------------------------


def name_of(path: Path) -> str:
    """Return the path of a page in the repository."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_and_pictures_have_existing_targets(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        file, _hash, heading = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        if heading:
            assert heading in headings(linked.read_text("utf-8")), target


def headings(text: str) -> set[str]:
    """Return the anchors of a page, made as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_python_in_the_pages_parses(path: Path) -> None:
    for code in python_in(path.read_text("utf-8")):
        ast.parse(code)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_name_only_settings_that_exist(path: Path) -> None:
    known = {PREFIX + item.name.upper() for item in fields(Settings)}
    named = re.findall(
        r"\b(?:FLASK_)?(APITOKENS_(?!TEST|STRICT)[A-Z_]*[A-Z])\b", path.read_text()
    )
    assert set(named) <= known


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_python_files_that_a_page_names_exist(path: Path) -> None:
    for file in re.findall(r"`(\w+/[\w/]+\.py)`", path.read_text("utf-8")):
        assert (ROOT / file).exists(), file


def test_every_page_is_in_a_table_of_contents() -> None:
    listed: set[Path] = {DOCS / "index.md"}
    for path in DOCS.rglob("*.md"):
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```", path.read_text("utf-8"), re.M | re.S
        ):
            names = [line for line in block.splitlines() if line and line[0] != ":"]
            listed |= {path.parent / f"{name}.md" for name in names}
    assert listed == set(DOCS.rglob("*.md"))


# -- tutorial and README -------------------------------------------------------


@pytest.mark.server
def test_tutorial_runs_in_an_empty_folder_as_printed(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    calls = 0
    try:
        for command, printed, output in reader.follow(page("tutorial.md")):
            assert fits(printed, output), f"{command}\n{output}"
            calls += command.startswith("curl")
    finally:
        reader.stop()
    assert calls >= 4


def test_application_factory_runs_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(tmp_path)
    for block in python_in(page("how-to/application-factory.md")):
        reader.save(block)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        made = importlib.import_module("myapp").create_app(
            {"SQLALCHEMY_DATABASE_URI": "sqlite://", "TESTING": True}
        )
        answer = made.test_client().get("/api/tmy")
    finally:
        for name in [name for name in sys.modules if name.startswith("myapp")]:
            del sys.modules[name]
    assert answer.status_code == 401
    assert answer.get_json()["code"] == "missing_token"


def test_readme_code_runs_in_an_application_with_users(
    host: tuple[Flask, SQLAlchemy, Any],
) -> None:
    app, db, user_model = host
    known: dict[str, Any] = {"app": app, "db": db, "User": user_model}
    for block in python_in(README):
        exec(compile(block, "README.md", "exec"), known)  # noqa: S102
    with app.app_context():
        db.create_all()
        user = user_model(email="ada@example.com")
        db.session.add(user)
        db.session.flush()
        _token, plaintext = known["apitokens"].generate(owner=user, name="Laptop")
        db.session.commit()

    client, bearer = app.test_client(), {"Authorization": f"Bearer {plaintext}"}
    assert client.get("/api/whoami").status_code == 401
    answer = client.get("/api/whoami", headers=bearer)
    assert answer.json == {"token": "Laptop", "owner": 1}
    assert client.get("/api/tmy", headers=bearer).get_json()["code"] == "wrong_service"


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_readme_states_the_defaults_of_ten_settings() -> None:
    rows = re.findall(r"^\| `(APITOKENS_\w+)` \| `(.+?)` \|", README, re.MULTILINE)
    defaults = {
        PREFIX + item.name.upper(): reference.default_of(item)
        for item in fields(Settings)
    }
    assert len(rows) == 10
    for name, default in rows:
        assert ast.literal_eval(default) == defaults[name]


# -- the reference -------------------------------------------------------------


@pytest.mark.parametrize("name", reference.GENERATED)
def test_generated_part_of_a_page_matches_the_code(name: str) -> None:
    text = page(f"reference/{name}")
    assert reference.update(text, reference.GENERATED[name]()) == text, (
        "run python -m scripts.reference"
    )


def test_example_of_a_setting_is_allowed_and_not_its_default() -> None:
    assert {item.name for item in fields(Settings)} == reference.EXAMPLES.keys()
    for item in fields(Settings):
        example = reference.EXAMPLES[item.name]
        item.metadata["check"](example)
        assert example != reference.default_of(item)


def _all_below(kind: type[Any]) -> set[type[Any]]:
    """Return *kind* and all its subclasses."""
    below = {child for parent in kind.__subclasses__() for child in _all_below(parent)}
    return {kind} | below


def test_every_refusal_code_has_its_status_cause_and_remedy() -> None:
    text = page("reference/answers.md")
    codes = set()
    for kind in _all_below(Refusal) - {Refusal, errors.Forbidden}:
        row = rf"^\| `{kind.problem}` \| {kind.code} \| [^|]{{10,}} \| [^|]{{10,}} \|$"
        assert re.search(row, text, re.MULTILINE), kind.problem
        codes.add(kind.problem)
    listed = re.findall(r"^\| `(\w+)` \| \d+ \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    reasons = {kind.reason for kind in _all_below(DomainError)} - {"invalid"}
    assert set(listed) == codes | reasons


def test_every_domain_error_is_listed_with_its_status() -> None:
    text = page("reference/answers.md")
    for kind in _all_below(DomainError) - {DomainError}:
        assert f"| `{kind.reason}` | {kind.code} |" in text, kind.reason


def test_every_exception_is_in_the_python_reference() -> None:
    text = page("reference/python.md")
    known = _all_below(DomainError) | _all_below(Refusal)
    named = set(re.findall(r"\b[A-Z]\w+\b", text))
    assert {kind.__name__ for kind in known} <= named


def test_signals_page_lists_every_signal() -> None:
    names = {name for name in vars(signals) if re.fullmatch(r"[a-z]+_[a-z_]+", name)}
    listed = re.findall(r"^\| `(\w+)` \| ", page("reference/signals.md"), re.MULTILINE)
    assert names <= set(listed)
    assert len(names) >= 16


def _rows_of(text: str) -> dict[str, set[str]]:
    """Return the names in the last cell of each row, by the name in the first."""
    rows = re.findall(r"^\| `([\w-]+)`.*\| ([^|]+) \|$", text, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}


def test_signals_page_lists_the_arguments_of_every_event() -> None:
    rows = _rows_of(page("reference/signals.md"))
    kinds = _all_below(events.DomainEvent)
    assert service_events.AccessDecided in kinds
    for kind in kinds:
        signal = kind.__dict__.get("SIGNAL")
        if signal is not None:
            arguments = {item.name for item in fields(kind)} - {"at"}
            extra = {"notice"} if signal == "notice_due" else set()
            assert rows[signal] == arguments | extra, signal


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        ("token", snapshots.TokenSnapshot),
        ("subscription", snapshots.SubscriptionSnapshot),
        ("setting", snapshots.ServiceSettingSnapshot),
    ],
)
def test_signals_page_lists_the_fields_of_a_snapshot(
    argument: str, kind: type[Any]
) -> None:
    text = page("reference/signals.md").partition("## What they carry")[2]
    listed = _rows_of(text)[argument] - {"None"}
    assert listed == {item.name for item in fields(kind)}


def test_signals_page_lists_every_action_of_the_audit_log() -> None:
    text = page("reference/signals.md").partition("## Events in the audit log")[2]
    first_cells = re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)
    listed = set(re.findall(r"`([\w-]+)`", " ".join(first_cells))) - {"action"}
    assert listed == {action for actions in GROUPS.values() for action in actions}


def test_python_reference_has_every_public_name() -> None:
    text = page("reference/python.md")
    lacking = [n for n in flask_apitokens.__all__ if f"flask_apitokens.{n}" not in text]
    assert lacking == []


@pytest.mark.parametrize(
    "kind",
    [
        flask_apitokens.Token,
        flask_apitokens.Subscription,
        flask_apitokens.ServiceSetting,
        flask_apitokens.Event,
    ],
)
def test_python_reference_lists_the_attributes_of_a_row(kind: type[Any]) -> None:
    text = page("reference/python.md")
    start = text.index(f"py:class:: flask_apitokens.{kind.__name__}\n")
    section = text[start:].split("\n```{eval-rst}", 1)[0]
    cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    listed = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    known = {
        name
        for base in kind.__mro__
        for name in base.__dict__.get("__annotations__", {})
    }
    assert listed - OF_THE_HOST <= known
    assert known - listed <= INTERNAL


#: columns with the type of the host's user key, added when the tables are mapped
OF_THE_HOST = {"owner_id", "user_id"}
#: columns that are no part of the public interface
INTERNAL = {
    "scheme",
    "check_digest",
    "secret_hash",
    "email_digest",
    "live_name",
    "noticed_days",
    "form_key",
}


def test_every_public_name_has_a_docstring() -> None:
    # A proxy has the docstring of its object; outside a request it has no object.
    for name in set(flask_apitokens.__all__) - {"current_token"}:
        assert getattr(flask_apitokens, name).__doc__, name


def _addresses(app: Flask) -> Iterator[tuple[str, str]]:
    words = {"token_id": "ID", "slug": "SERVICE", "key": "USER", "number": "NUMBER"}
    for rule in app.url_map.iter_rules():
        kind = rule.endpoint.rpartition(".")
        if kind[0].startswith("apitokens") and kind[2] not in {"stray", "static"}:
            path = re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda m: words[m[1]], rule.rule)
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield path, method


def test_addresses_page_lists_every_address_with_its_methods(
    registered: Flask,
) -> None:
    rows = re.findall(
        r"^\| `(/[^`]*)` \| (GET|POST|GET, POST) \|",
        page("reference/addresses.md"),
        re.MULTILINE,
    )
    listed = {
        (path, method) for path, methods in rows for method in methods.split(", ")
    }
    assert listed == set(_addresses(registered))


# -- the explanation -----------------------------------------------------------


def test_architecture_page_has_the_order_of_the_rooms() -> None:
    text = page("explanation/architecture.md")
    order = "\n".join(" ".join(line) for line in reversed(ORDER))
    assert f"```text\n{order}\n```" in text


def test_picture_of_the_rooms_shows_every_room() -> None:
    picture = (DOCS / "images" / "rooms.svg").read_text("utf-8")
    shown = set(re.findall(r'font-weight="700"[^>]*>(\w+)<', picture))
    assert shown == {room for line in ORDER for room in line}
