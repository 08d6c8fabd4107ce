"""The database session of a command, its actor, and errors as sentences."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import redirect_stdout

import click
from flask import current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.db import engines
from flask_apitokens.db import schema_check
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.state import State
from flask_apitokens.state import current_apitokens

from .output import printable

LABEL_LENGTH = 255


@contextmanager
def open_context() -> Iterator[Context]:
    """Open a session of the command's own and roll back what it does not commit.

    A command prints its results after this block. Inside it stdout leads to stderr, so
    that nothing the application prints or logs gets between the results.

    :raises click.ClickException: with a sentence, for a mistake of the caller, of the
        configuration or of the database.
    """
    with _stdout_to_stderr(), current_app.app_context(), _in_english():
        state = current_apitokens
        ctx = state.context()
        try:
            yield ctx
        except (DomainError, ConfigurationError) as error:
            raise click.ClickException(printable(_message_of(error))) from None
        except (DBAPIError, PoolTimeout) as error:
            ctx.session.rollback()
            raise click.ClickException(_explain(state, error)) from None
        finally:
            ctx.session.rollback()


@contextmanager
def transaction() -> Iterator[Context]:
    """Open a session like :func:`open_context` and commit it at the end."""
    with open_context() as ctx:
        yield ctx
        ctx.session.commit()


def current_actor() -> Actor:
    """Return the account of the operating system that runs the command."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run under a numeric id that no account has.
        name = f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return Actor(printable(f"cli:{name}")[:LABEL_LENGTH])


def is_interactive() -> bool:
    """Return whether a person at a terminal can answer a question."""
    return sys.stdin is not None and sys.stdin.isatty()


def _message_of(error: DomainError | ConfigurationError) -> str:
    # The sentences of these two address the owner of the token, as the pages show
    # them. On the command line another person reads them.
    if isinstance(error, NameTaken):
        taken = f"The owner already has a token called “{error.name_taken}”."
        return f"{taken} Choose another name."
    if isinstance(error, LimitReached):
        tokens = "token" if error.limit == 1 else "tokens"
        full = f"The owner already has {error.limit} {tokens}, the most allowed."
        return f"{full} Revoke one that is no longer needed."
    return error.message if isinstance(error, DomainError) else str(error)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    # A logging handler keeps the stream it was made with, so redirect_stdout does not
    # reach it.
    moved = [
        handler
        for logger in [logging.root, *logging.root.manager.loggerDict.values()]
        if isinstance(logger, logging.Logger)
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler)
        and handler.stream in (sys.stdout, sys.__stdout__)
    ]
    streams = [handler.setStream(sys.stderr) for handler in moved]
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        for handler, stream in zip(moved, streams, strict=True):
            handler.setStream(stream)


@contextmanager
def _in_english() -> Iterator[None]:
    """Force English: the application's locale selector may need a request."""
    if "babel" not in current_app.extensions:
        yield
        return
    from flask_babel import force_locale

    with force_locale("en"):
        yield


def _explain(state: State, error: SQLAlchemyError) -> str:
    """Return a sentence about a database error, without the statement's values."""
    # The text of SQLAlchemy's error has the statement with its parameters, among them
    # the hash of a token. The driver's own error does not.
    words = str(getattr(error, "orig", None) or error) or type(error).__name__
    words = printable(words.splitlines()[0])
    if engines.gave_way(error):
        return f"Someone else changed the same at that moment ({words}). Run it again."
    try:
        missing = schema_check.missing_in(state.engine, state.models.needed_tables)
    except SQLAlchemyError:
        return f"The database cannot be reached: {words}"
    if not missing:
        return f"The database refused: {words}"
    return f"{schema_check.advice(missing)}."
