"""Settings: defaults, then the `FLASK_…` environment, then what the caller passes."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import FileSystemLoader

#: the layout of this host that goes with each override set in the top-level templates/
LAYOUTS = {None: "base.html", "bootstrap5": "base_bootstrap.html"}

DEFAULTS: dict[str, Any] = {
    #: an override set of the plugin's templates to mount: a key of LAYOUTS
    "EXAMPLE_TEMPLATES": None,
    #: whether tokens of another system were imported, to try them by hand
    "EXAMPLE_IMPORTED": False,
    #: how many proxies in front of us are ours, so that we believe what they forward
    "TRUSTED_PROXIES": 0,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    #: None marks the cookie Secure where the page came over https
    "SESSION_COOKIE_SECURE": None,
}


def load(app: Flask, overrides: Mapping[str, Any]) -> None:
    """Fill `app.config`."""
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
    """Return the key in this file; make one, readable by us alone, at the first start.

    Several workers may start at once: each writes a file of its own (mkstemp makes it
    0600), and linking it into place succeeds for one of them only.
    """
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
    """Mount the override set and pick the layout that goes with it."""
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
