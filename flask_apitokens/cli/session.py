"""Where a command meets the database: one session, one commit, errors in a sentence."""

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
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.state import State
from flask_apitokens.state import commit
from flask_apitokens.state import current_apitokens

from .output import printable

LABEL_LENGTH = 255


@contextmanager
def reading() -> Iterator[Context]:
    """The domain on a session of its own; what is not committed is rolled back.

    What a command prints it prints afterwards: meanwhile stdout leads to stderr, so
    that nothing the host prints or logs gets among the results.

    :raises ClickException: for what people or the database got wrong, in a sentence.
    """
    with _stdout_kept_clean(), current_app.app_context(), _in_english():
        state = current_apitokens
        ctx = state.context()
        try:
            yield ctx
        except DomainError as error:
            raise click.ClickException(printable(_said(error))) from None
        except ConfigurationError as error:
            raise click.ClickException(printable(str(error))) from None
        except (DBAPIError, PoolTimeout) as error:
            ctx.session.rollback()
            raise click.ClickException(_explained(state, error)) from None
        finally:
            ctx.session.rollback()


def _said(error: DomainError) -> str:
    """The sentence of *error*; what the pages say to an owner is said of the owner."""
    if isinstance(error, NameTaken):
        taken = f"The owner already has a token called “{error.name_taken}”."
        return f"{taken} Choose another name."
    if isinstance(error, LimitReached):
        tokens = "token" if error.limit == 1 else "tokens"
        full = f"The owner already has {error.limit} {tokens}, the most allowed."
        return f"{full} Revoke one that is no longer needed."
    return error.message


@contextmanager
def changing() -> Iterator[Context]:
    """As :func:`reading`, and commits at the end."""
    with reading() as ctx:
        yield ctx
        commit(ctx)


def actor() -> Actor:
    """Who runs the command, for the audit log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run under a number that no account has.
        name = f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return Actor(printable(f"cli:{name}")[:LABEL_LENGTH])


def interactive() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
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
    """The host's choice of a locale may need a request, and there is none."""
    if "babel" not in current_app.extensions:
        yield
        return
    from flask_babel import force_locale

    with force_locale("en"):
        yield


def _explained(state: State, error: SQLAlchemyError) -> str:
    """What is the matter with the database; never the statement and its values."""
    words = str(getattr(error, "orig", None) or error) or type(error).__name__
    words = printable(words.splitlines()[0])
    try:
        missing = _missing_tables(state)
    except SQLAlchemyError:
        return f"The database cannot be reached: {words}"
    if not missing:
        return f"The database refused: {words}"
    return (
        f"Missing in the database: {', '.join(missing)}. Create the tables with your "
        "migrations (flask db upgrade), or with db.create_all()."
    )


def _missing_tables(state: State) -> list[str]:
    inspector = inspect(state.engine)
    tables = (inspect(state.models.user).local_table, *state.models.tables)
    return [
        table.name
        for table in tables
        if not inspector.has_table(table.name, schema=table.schema)
    ]
