"""A small, complete application that uses flask_apitokens.

Read `create_app` below first, then `extensions.py`, which registers the plugin, and
`api.py`, which guards routes with it. The rest is what any application has: users who
log in (`models.py`, `pages.py`), a layout (`templates/base.html`), settings
(`config.py`), headers (`security.py`) and data to guard (`solar.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from example_app import api
from example_app import config as configuration
from example_app import datadelivery
from example_app import demo
from example_app import pages
from example_app import security
from example_app.database import tune_sqlite
from example_app.extensions import apitokens
from example_app.extensions import csrf
from example_app.extensions import grant_the_api
from example_app.extensions import login_manager
from example_app.models import db
from flask_apitokens import signals


def create_app(
    config: Mapping[str, Any] | None = None, *, instance_path: Path | None = None
) -> Flask:
    """Build the application.

    :param config: settings that override the defaults and the `FLASK_…` environment.
    :param instance_path: the folder of the database and the secret key; `instance/`
        beside this package if not given.
    """
    path = str(instance_path) if instance_path else None
    app = Flask(__name__, instance_path=path)
    configuration.load(app, config or {})
    security.init_app(app)

    db.init_app(app)
    tune_sqlite(app, db)
    csrf.init_app(app)
    login_manager.init_app(app)
    apitokens.init_app(app)
    signals.access_decided.connect(grant_the_api, app)

    app.register_blueprint(pages.blueprint)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(datadelivery.blueprint)
    demo.init_app(app)
    return app
