"""The commands `flask --app example_app seed`, `demo` and `change-email`."""

import errno
import secrets
import socket
from dataclasses import dataclass

import click
from flask import Flask
from flask import current_app
from flask.cli import ScriptInfo
from flask.cli import with_appcontext
from werkzeug.serving import make_server

from example_app import past_calls
from example_app.extensions import apitokens
from example_app.models import User
from example_app.models import db

HOST = "127.0.0.1"
PASSWORD = "demo-password"  # noqa: S105 - public on purpose
DEMO_TOKEN = "Curl line of the demo"  # noqa: S105 - a name
#: the names of the imported tokens, and their lengths
IMPORTED = {"From the old API": 32, "From the old API, too short": 16}


@dataclass(frozen=True, slots=True)
class Seed:
    """A user of the demo."""

    email: str
    name: str
    account_id: str
    note: str = ""
    is_active: bool = True
    is_admin: bool = False
    may_use_api: bool = True
    services: tuple[str, ...] = ()


SEEDS = (
    Seed("admin@example.com", "Annie Easley", "acme", "administrator", is_admin=True),
    Seed(
        "ada@example.com",
        "Ada Lovelace",
        "acme",
        "both services active",
        services=("tmy", "timeseries"),
    ),
    Seed("grace@example.com", "Grace Hopper", "acme", "no service active"),
    Seed(
        "disabled@example.com",
        "Charles Babbage",
        "acme",
        "switched off",
        is_active=False,
    ),
    Seed(
        "noapi@example.com",
        "Mary Somerville",
        "acme",
        "lacks the API permission",
        may_use_api=False,
    ),
    Seed(
        "admin@other.example", "Radia Perlman", "other", "administrator", is_admin=True
    ),
    Seed("carol@other.example", "Carol Shaw", "other", "another account"),
)


def init_app(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(seed_command)
    app.cli.add_command(demo_command)
    app.cli.add_command(change_email_command)


def seed() -> None:
    """Create the tables and users that do not exist yet."""
    db.create_all()
    for wanted in SEEDS:
        if User.with_email(wanted.email) is None:
            _add(wanted)
    db.session.commit()


def _add(wanted: Seed) -> None:
    user = User(
        email=wanted.email,
        name=wanted.name,
        account_id=wanted.account_id,
        is_active=wanted.is_active,
        is_admin=wanted.is_admin,
        may_use_api=wanted.may_use_api,
    )
    user.set_password(PASSWORD)
    db.session.add(user)
    db.session.flush()
    for slug in wanted.services:
        apitokens.subscribe(user, slug)


@click.command("seed")
@with_appcontext
def seed_command() -> None:
    """Create the tables and the users of the demo."""
    seed()
    click.echo(f"Ready: {len(SEEDS)} users, password {PASSWORD}")


@click.command("change-email")
@click.argument("former")
@click.argument("new")
@with_appcontext
def change_email_command(former: str, new: str) -> None:
    """Change the email address of a user, to see its effect on their tokens."""
    user = User.with_email(former)
    if user is None:
        raise click.ClickException(f"No user has the address {former}.")
    user.email = new.strip().lower()
    db.session.commit()
    click.echo(f"{user.name} has the address {user.email} now.")


@click.command("demo")
@click.option("--port", default=5000, show_default=True, help="The port to listen on.")
@click.pass_obj
def demo_command(script: ScriptInfo, port: int) -> None:
    """Create the demo data, print what to try, and run a server."""
    app = script.load_app()
    listener = _listen(port)
    with app.app_context():
        seed()
        token = _demo_token()
        past_calls.leave()
        imported = imported_tokens() if app.config["EXAMPLE_IMPORTED"] else []
    address = "http://{}:{}".format(*listener.getsockname())
    click.echo(welcome(address, token, imported))
    server = make_server(HOST, port, app, threaded=True, fd=listener.fileno())
    server.serve_forever()


def _listen(port: int) -> socket.socket:
    """Bind the port first, so that a port in use changes no data."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise click.ClickException(
            f"Port {port} is taken by another program. "
            f"Choose another one: make demo PORT={port + 1}"
        ) from None


def _demo_token() -> str:
    """Return a new token of ada, which replaces the one of the last start."""
    ada = User.with_email("ada@example.com")
    if ada is None:
        raise click.ClickException("The demo needs ada@example.com.")
    only_one = current_app.config.get("APITOKENS_MAX_PER_OWNER") == 1
    for token in apitokens.tokens_of(ada):
        if token.name == DEMO_TOKEN or only_one:
            apitokens.delete(token)
    _token, plaintext = apitokens.generate(
        owner=ada, name=DEMO_TOKEN, service="timeseries", scopes=["read"]
    )
    db.session.commit()
    return plaintext


def imported_tokens() -> list[str]:
    """Import new tokens of another system for ada, at each start."""
    ada = User.with_email("ada@example.com")
    for token in apitokens.tokens_of(ada):
        if token.name in IMPORTED:
            apitokens.delete(token)
    made = {name: secrets.token_hex(length // 2) for name, length in IMPORTED.items()}
    for name, plaintext in made.items():
        apitokens.import_token(
            plaintext, owner=ada, name=name, service="timeseries", scopes=["read"]
        )
    db.session.commit()
    return list(made.values())


def _curl(address: str, token: str) -> str:
    day = "start=2026-06-21&end=2026-06-21&format=csv"
    return f"""\
  curl -H "Authorization: Bearer {token}" \\
    "{address}/api/timeseries?lat=48.21&lon=16.37&{day}"
"""


def welcome(address: str, token: str, imported: list[str]) -> str:
    """Return the users, the pages and command lines that can be copied."""
    lines = "".join(_curl(address, one) for one in imported)
    before = f"\nThe same with tokens of another system, imported\n{lines}"
    users = "\n".join(
        f"  {seed.email:<22} {seed.account_id:<6} {seed.note}" for seed in SEEDS
    )
    return f"""
Example App: {address}

Users, all with the password {PASSWORD}
{users}

Pages
  {address}/login
  {address}/account/preferences
  {address}/account/api-tokens/
  {address}/admin/api/                  as admin@example.com
  {address}/admin/api/usage             the calls of the last days, as the same

A day of sun in Vienna, with ada's token "{DEMO_TOKEN}", new at each start
{_curl(address, token)}{before if imported else ""}
Ctrl-C stops.
"""
