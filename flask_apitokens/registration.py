"""Build what ``init_app`` registers, and finish it at the first request."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

from flask import Flask
from flask import request_started
from sqlalchemy import Engine

from flask_apitokens.core.callbacks import Callbacks
from flask_apitokens.core.callbacks import default_email
from flask_apitokens.core.user_model import active_column
from flask_apitokens.core.user_model import has_own_is_active
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.verification_cache import MOST_ROUNDS
from flask_apitokens.crypto.verification_cache import Verifier
from flask_apitokens.db.engines import shares_connection
from flask_apitokens.db.mapping import Models
from flask_apitokens.guard import answers
from flask_apitokens.guard import call_watch
from flask_apitokens.guard import integration
from flask_apitokens.guard import registry
from flask_apitokens.lookup.finder import TokenFinder
from flask_apitokens.usage.recorder import Recorder
from flask_apitokens.usage.statements import Tables
from flask_apitokens.web import templating

from .config import Settings
from .errors import ConfigurationError
from .state import KEY
from .state import Extension
from .state import HostDatabase
from .state import State

if TYPE_CHECKING:
    from flask_apitokens.crypto.foreign_digests import PepperSet


def build_state(
    app: Flask,
    settings: Settings,
    *,
    extension: Extension,
    db: HostDatabase,
    models: Models,
    callbacks: Callbacks,
    declares_services: Callable[[], bool],
) -> State:
    """Build the state of *app* from its settings and the host's declarations.

    :param declares_services: returns whether the host declared services; it is called
        at the first look-up, since the SELECT depends on it.
    :raises ConfigurationError: if a setting does not fit the user model.
    """
    if settings.bind_to_email:
        _require_email(models.user, callbacks)
    finder = TokenFinder(
        models,
        callbacks,
        settings,
        declares_services=declares_services,
        engine=lambda: app.extensions[KEY].engine,
        session=lambda: db.session,
    )
    return State(
        app=app,
        db=db,
        settings=settings,
        extension=extension,
        models=models,
        callbacks=callbacks,
        recorder=_recorder(app, models, settings),
        finder=finder,
        asks_user=active_column(models.user) is None and has_own_is_active(models.user),
        parse=crypto_tokens.parser(settings.brand),
        pepper_set=_pepper_set(settings),
        session_prefix=f"{settings.brand}s_".encode(),
        verifier=Verifier(most_rounds=_most_rounds(settings)),
    )


def _most_rounds(settings: Settings) -> int:
    """Return the highest bcrypt cost that is run: far above any that is configured.

    A host that lowers its cost still has tokens of the higher one.
    """
    highest = max(settings.bcrypt_rounds, settings.import_bcrypt_rounds)
    return max(MOST_ROUNDS, highest + 2)


def _require_email(user_model: type[Any], callbacks: Callbacks) -> None:
    """Refuse to tie tokens to an email address that the user model does not have."""
    if callbacks.email_of is default_email and not hasattr(user_model, "email"):
        raise ConfigurationError(
            f"APITOKENS_BIND_TO_EMAIL is True, and {user_model.__name__} has no "
            f"'email'; give APITokens email_of={user_model.__name__}.… or "
            "email_of=lambda user: …"
        )


def _recorder(app: Flask, models: Models, settings: Settings) -> Recorder:
    classes: tuple[Any, ...] = (models.Token, models.Call, models.CallHour)
    # Its thread must not keep the application, which ends it when it is collected.
    held = weakref.proxy(app)
    recorder = Recorder(
        lambda: held.extensions[KEY].engine,
        Tables(*[model.__table__ for model in classes]),
        mode=settings.usage,
        flush_seconds=settings.usage_flush_seconds,
        max_rows=settings.usage_buffer_rows,
        retention_days=settings.usage_retention_days,
    )
    weakref.finalize(app, recorder.end_soon).atexit = False
    return recorder


def _pepper_set(settings: Settings) -> PepperSet | None:
    if not settings.peppers:
        return None
    # Only a host that imported tokens needs the module.
    from flask_apitokens.crypto.foreign_digests import PepperSet

    return PepperSet(settings.peppers, settings.brand)


def check_engine(state: State) -> None:
    """Check that the plugin can connect as the host's engine does.

    :raises ConfigurationError: if there is no engine for the user model, or if all
        threads would share one connection to a server.
    """
    with state.app_context():
        try:
            engine: object = state.engine
        except ConfigurationError:
            raise
        except (LookupError, RuntimeError):
            return  # The host's database is registered later.
    if not isinstance(engine, Engine) or engine.dialect.name == "sqlite":
        return
    if shares_connection(engine):
        raise ConfigurationError(
            f"the engine has poolclass={type(engine.pool).__name__}, which is for "
            "SQLite in memory: on a server, threads on one connection disturb each "
            "other. Leave poolclass out, or take NullPool to keep no connection"
        )


def finish_at_first_request(app: Flask) -> None:
    """Run what needs every route and extension to be registered, once."""
    # The signal comes before all functions of the host, which may be guarded too.
    request_started.connect(_finish, app)
    # Also now: a host may call its functions before requests without a request.
    integration.exempt_from_csrf(app)


def _finish(app: Flask, **_: object) -> None:
    answers.claim_refusals(app)
    request_started.disconnect(_finish, app)
    call_watch.move_to_end(app)
    integration.exempt_from_csrf(app)
    registry.warn_of_open_routes(app)
    registry.warn_of_closed_routes(app)
    templating.warn_of_pages(app)
    state = app.extensions[KEY]
    check_engine(state)
    if state.pepper_set is not None:
        registry.warn_of_peppers(state)
