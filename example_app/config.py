"""Settings: the defaults, then the `FLASK_…` environment, then the caller's."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import FileSystemLoader

#: the layout for each set of template overrides in the top-level templates/
LAYOUTS = {None: "base.html", "bootstrap5": "base_bootstrap.html"}

DEFAULTS: dict[str, Any] = {
    #: the set of overrides of the plugin's templates: a key of LAYOUTS
    "EXAMPLE_TEMPLATES": None,
    #: whether the demo imports tokens of another system
    "EXAMPLE_IMPORTED": False,
    #: how many proxies before the application may set X-Forwarded-… headers
    "TRUSTED_PROXIES": 0,
    #: a connection that the server has closed is replaced before a query is sent on it
    "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True},
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    #: None: Secure exactly if the request came over https
    "SESSION_COOKIE_SECURE": None,
}


def load(app: Flask, overrides: Mapping[str, Any]) -> None:
    """Load the settings into `app.config`."""
    app.config.from_mapping(DEFAULTS)
    app.config.from_prefixed_env()
    app.config.from_mapping(overrides)
    if not app.config.get("SQLALCHEMY_DATABASE_URI"):
        path = _instance(app) / "example.sqlite"
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}"
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = _secret_key(_instance(app) / "secret_key")
    if app.config["EXAMPLE_IMPORTED"]:
        secret = _secret_key(_instance(app) / "pepper")
        app.config.setdefault("APITOKENS_PEPPERS", f"example-1:{secret}")
    _choose_templates(app)


def _instance(app: Flask) -> Path:
    path = Path(app.instance_path)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _secret_key(path: Path) -> str:
    """Return the key in this file; create the file at the first start."""
    # Several workers may start at once and must end up with the same key. Each writes
    # a file of its own, which mkstemp makes readable by its owner only. Linking it to
    # the final name succeeds for exactly one of them.
    if not path.exists():
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(name)
    return path.read_text()


def _choose_templates(app: Flask) -> None:
    """Mount the template overrides and choose the layout for them."""
    chosen = app.config["EXAMPLE_TEMPLATES"] or None
    if chosen not in LAYOUTS:
        allowed = ", ".join(str(name) for name in LAYOUTS)
        raise RuntimeError(f"EXAMPLE_TEMPLATES is {chosen!r}; allowed is {allowed}")
    if chosen:
        root = Path(app.root_path)
        overrides = root.parent / "templates" / chosen
        app.jinja_loader = FileSystemLoader([overrides, root / "templates"])
    app.config.setdefault("APITOKENS_BASE_TEMPLATE", LAYOUTS[chosen])
    app.jinja_env.globals["host_layout"] = LAYOUTS[chosen]
