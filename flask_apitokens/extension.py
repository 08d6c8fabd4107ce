"""``APITokens``: the object that a host creates and registers."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from functools import partial
from typing import Any
from typing import TypeVar

from flask import Blueprint
from flask import Flask
from flask import current_app
from flask import has_app_context
from sqlalchemy import Connection
from sqlalchemy import Select
from sqlalchemy import event
from sqlalchemy import inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm import object_session

from flask_apitokens.api.blueprint import build_endpoints
from flask_apitokens.core import journal
from flask_apitokens.core.callbacks import Notice
from flask_apitokens.core.callbacks import UserValue
from flask_apitokens.core.callbacks import bind_callbacks
from flask_apitokens.core.context import utcnow
from flask_apitokens.db.engines import schema_of
from flask_apitokens.db.mapping import Models
from flask_apitokens.db.mapping import bind_models
from flask_apitokens.db.mapping import user_key_of
from flask_apitokens.guard.policy import Policy
from flask_apitokens.web.blueprint import install_pages

from . import catalog
from .catalog import AnyService
from .catalog import Catalog
from .catalog import Service
from .cli.group import group
from .config import Settings
from .database import database_of
from .errors import ConfigurationError
from .guard import answers
from .guard import call_watch
from .guard import decorator
from .host_api.api import HostAPI
from .refusals import Refusal
from .registration import build_state
from .registration import check_engine
from .registration import finish_at_first_request
from .state import KEY
from .state import Protection
from .state import state_of

Handler = TypeVar("Handler", bound=Callable[[Refusal], Any])


class APITokens(HostAPI):
    """API tokens for a Flask application.

    One object may serve several applications: what belongs to one of them is kept in
    its ``extensions``.

    An argument that takes a user may be a column of the user model instead:
    ``account_of=User.account_id``. The guard reads `account_of`, `can_use_api` and
    `email_of` in its one SELECT if they are columns; a function costs each call the
    loading of its user. A function about rights that raises means no.

    :param db: the object of Flask-SQLAlchemy or Flask-SQLAlchemy-Lite, or a
        :class:`~flask_apitokens.Database`.
    :param user_model: the host's user class; its primary key is one column.
    :param is_admin: whether a user administers their account; by default no user does.
    :param can_use_api: whether a user may hold tokens and call the API with them; by
        default every user may.
    :param account_of: the account (tenant) of a user: the Account ID shown beside a
        token. By default there is one account and none is shown.
    :param users_of: the users of an account, as ``select(User)…``. Needed if there are
        administrators and `account_of` is a function.
    :param services_for: the slugs of the services that an account has; by default all.
    :param user_label: the name of a user in lists and in the audit log; by default the
        email, username or name, whichever exists.
    :param email_of: the email address of a user, for ``APITOKENS_BIND_TO_EMAIL``; by
        default the attribute ``email``.
    :param on_notice: delivers a :class:`~flask_apitokens.Notice`, after the commit; by
        default it is a line in the log.
    :param locale_of: the locale of a user, such as ``"pt_BR"``, for the notices to
        them; None for the application's default. By default a notice has the language
        of the request.
    """

    def __init__(
        self,
        db: Any = None,
        user_model: type[Any] | None = None,
        *,
        is_admin: UserValue | None = None,
        can_use_api: UserValue | None = None,
        account_of: UserValue | None = None,
        users_of: Callable[[str], Select[Any]] | None = None,
        services_for: Callable[[str], Iterable[str]] | None = None,
        user_label: UserValue | None = None,
        email_of: UserValue | None = None,
        on_notice: Callable[[Notice], object] | None = None,
        locale_of: UserValue | None = None,
    ) -> None:
        self._db = db
        self._user_model = user_model
        self.catalog = Catalog()
        self.refusal_handler: Callable[[Refusal], Any] | None = None
        self._bind_callbacks = partial(
            bind_callbacks,
            is_admin=is_admin,
            can_use_api=can_use_api,
            account_of=account_of,
            users_of=users_of,
            services_for=services_for,
            user_label=user_label,
            email_of=email_of,
            on_notice=on_notice,
            locale_of=locale_of,
        )
        self.protected: dict[Any, Protection] = {}
        self.sealed = False

    def service(
        self,
        slug: str,
        name: str,
        *,
        description: str = "",
        scopes: Mapping[str, str] | None = None,
        docs_url: str | None = None,
        default_active: bool = False,
    ) -> Service:
        """Declare an API product that tokens are bound to.

        :param slug: its name in tokens, guards and the command line.
        :param name: its name on pages.
        :param description: one or two sentences about it.
        :param scopes: scope names and one line on each.
        :param docs_url: the address of its documentation.
        :param default_active: whether users may use it without a subscription.
        :raises ConfigurationError: if the slug or a scope is not valid, if the slug is
            declared already, or if it is the first service and a token was looked up.
        """
        if self.sealed:
            raise ConfigurationError(
                f"the service {slug!r} is declared too late: declare services before "
                "the first request"
            )
        declared = catalog.declare(
            slug,
            name,
            description=description,
            scopes=scopes,
            docs_url=docs_url,
            default_active=default_active,
        )
        if slug in self.catalog.services:
            raise ConfigurationError(f"the service {slug!r} is declared already")
        self.catalog = Catalog({**self.catalog.services, slug: declared})
        return declared

    def error_handler(self, handler: Handler) -> Handler:
        """Register *handler* to make the body of refusals.

        :param handler: takes the :class:`~flask_apitokens.errors.Refusal` and returns
            what a view may return. Status, challenge and ``Cache-Control`` are kept.
        """
        self.refusal_handler = handler
        return handler

    def protect(
        self,
        blueprint: Blueprint,
        *,
        service: str | AnyService | None = None,
        scopes: str | Iterable[str] = (),
        kinds: Iterable[str] = ("api", "session"),
        query_parameter: str | None = None,
        schemes: str | Iterable[str] | None = None,
        headers: str | Iterable[str] | None = None,
        exempt: Iterable[str] = (),
    ) -> None:
        """Guard every view of *blueprint* and of the blueprints nested in it.

        The arguments are those of :func:`~flask_apitokens.token_required`.

        :param exempt: the names of views that stay open: their endpoints without the
            blueprint's name.
        """
        policy = Policy.of(
            service=service,
            scopes=scopes,
            kinds=kinds,
            query_parameter=query_parameter,
            schemes=schemes,
            headers=headers,
            optional=False,
        )
        made = decorator.protection(blueprint, policy, exempt=exempt)
        self.protected[blueprint] = made

    def init_app(
        self,
        app: Flask,
        db: Any = None,
        user_model: type[Any] | None = None,
    ) -> None:
        """Register pages, command line and guard on *app*.

        :param db: the database, unless the constructor has it.
        :param user_model: the user class, unless the constructor has it.
        :raises ConfigurationError: if a setting or an argument is missing or wrong.
        """
        db, user_model = db or self._db, user_model or self._user_model
        if db is None or user_model is None:
            raise ConfigurationError(
                "APITokens needs the db object and the User class: APITokens(db, User)"
            )
        if KEY in app.extensions:
            raise ConfigurationError("APITokens is registered on this application")
        settings = Settings.from_mapping(app.config)
        models = bind_models(user_key_of(user_model).table.metadata, user_model)
        _follow_deletions(models)
        state = app.extensions[KEY] = build_state(
            app,
            settings,
            extension=self,
            db=database_of(db, models),
            models=models,
            callbacks=self._bind_callbacks(user_model),
            declares_services=self._declares_services,
        )
        install_pages(app, settings)
        app.register_blueprint(build_endpoints(settings))
        app.cli.add_command(group)
        call_watch.install(app)
        answers.claim_refusals(app)
        check_engine(state)
        finish_at_first_request(app)

    def close(self, app: Flask | None = None) -> bool:
        """Write the recorded calls, close the plugin's connections, end its thread.

        A test suite that makes an application for each test calls it at the end of
        each. A later call of the application opens what it needs again.

        :param app: the application; by default the current one.
        :returns: whether everything that was recorded is written. If not, the database
            does not answer.
        :raises ConfigurationError: if the plugin is not registered on it.
        """
        return state_of(app or current_app).close()

    def _declares_services(self) -> bool:
        """Return whether there are services; the first cannot be declared later."""
        self.sealed |= not self.catalog
        return bool(self.catalog)


def _follow_deletions(models: Models) -> None:
    """Delete a user's tokens when the user is deleted through the session.

    SQLite does not enforce foreign keys by default. A user who is deleted there without
    the session keeps the tokens until a new user gets the same key.
    """
    table = models.tables[0]
    # Not in the info of the table, which Alembic writes into migrations.
    info = table.metadata.info
    if info.get("apitokens.deletions"):
        return
    info["apitokens.deletions"] = True

    @event.listens_for(models.user, "before_delete", propagate=True)
    def forget(mapper: Mapper[Any], connection: Connection, user: Any) -> None:
        # The host may not have created our tables yet.
        if inspect(connection).has_table(table.name, schema_of(table, connection)):
            from .domain import (
                owner_deletion,  # a process that only guards calls does not need it
            )

            key = mapper.primary_key_from_instance(user)[0]
            deleted = owner_deletion.delete_tokens_of(
                connection, models, key, at=utcnow()
            )
            session = object_session(user)
            # Outside an application there are no subscribers.
            state = current_app.extensions.get(KEY) if has_app_context() else None
            if session is not None and state is not None:
                for each in deleted:
                    journal.record(session, partial(state.deliver, each))

    @event.listens_for(models.user, "after_insert", propagate=True)
    def forget_former(mapper: Mapper[Any], connection: Connection, user: Any) -> None:
        # Other databases have deleted them by the foreign key.
        if connection.dialect.name == "sqlite":
            forget(mapper, connection, user)
