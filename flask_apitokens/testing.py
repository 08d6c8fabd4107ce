"""Fixtures for the tests of an application that uses the plugin.

pytest loads them as the plugin ``apitokens``; ``-p no:apitokens`` leaves them out. They
need a fixture ``app``, as pytest-flask and the documentation of Flask have it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from datetime import timedelta
from itertools import count
from typing import Any
from typing import NamedTuple
from typing import cast

import pytest
from flask import Flask
from flask import current_app
from flask import has_app_context

from flask_apitokens.config import Settings
from flask_apitokens.core.context import utcnow
from flask_apitokens.crypto.places import places_of
from flask_apitokens.db.models import Token

from .host_api.api import HostAPI
from .state import state_of

#: the days that an access token lives if APITOKENS_EXPIRY_MAX is not set
_ACCESS_DAYS = 365


class _Pair(NamedTuple):
    token: Token
    plaintext: str


class Made(_Pair):
    """A token that a test has generated: a tuple of two.

    :param token: the row, as it was committed.
    :param plaintext: the text that a client sends.
    """

    #: where the application looks for a token
    places = places_of(("Bearer",), ())

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a call with this token, in the application's first way."""
        return self.places.headers_for(self.plaintext)


@pytest.fixture
def apitokens_token(app: Flask) -> Iterator[Callable[..., Made]]:
    """Yield a function that commits a token: ``apitokens_token(user, service="tmy")``.

    The arguments are those of :meth:`flask_apitokens.APITokens.generate`. The name may
    be left out. Without scopes the token has all scopes of the service. Without
    ``expires_at`` it gets the longest life that is allowed; an access token gets a year
    if ``APITOKENS_EXPIRY_MAX`` is not set. The owner is subscribed to the service
    first, so that the token works.

    At the end of the test the plugin's connections are closed and its thread ends.
    """
    numbers = count(1)

    def make(owner: Any, *, service: str | None = None, **values: Any) -> Made:
        state = state_of(app)
        apitokens = cast("HostAPI", state.extension)
        values.setdefault("name", f"Test {next(numbers)}")
        declared = state.catalog.services.get(service or "")
        scopes = values.get("scopes", [*declared.scopes] if declared else ())
        values["scopes"] = scopes.split() if isinstance(scopes, str) else scopes
        values.setdefault(
            "expires_at", _latest_expiry(state.settings, values.get("kind"))
        )
        with _inside(app) as is_ours:
            if owner is not None and service is not None:
                apitokens.subscribe(owner, service)
            made = Made(*apitokens.generate(owner=owner, service=service, **values))
            made.places = state.places
            state.db.session.commit()
            state.db.session.refresh(made.token)
            if is_ours:
                # Our context ends here, and its session with it: the detached row keeps
                # its loaded columns.
                state.db.session.expunge(made.token)
        return made

    yield make
    state_of(app).close()


@pytest.fixture
def acting_as(
    app: Flask, apitokens_token: Callable[..., Made]
) -> Callable[..., dict[str, str]]:
    """Return a function that makes headers: ``client.get(url, headers=acting_as(u))``.

    It takes a user, for whom a token is made as by :func:`apitokens_token`, or the
    result of that fixture, or a plaintext.
    """

    def headers(who: Any, **values: Any) -> dict[str, str]:
        if not isinstance(who, Made | str):
            return apitokens_token(who, **values).headers
        if values:
            raise TypeError("a token that is there already takes no more arguments")
        if isinstance(who, Made):
            return who.headers
        return state_of(app).places.headers_for(who)

    return headers


def _latest_expiry(settings: Settings, kind: str | None) -> datetime | None:
    """Return the latest expiry of a new token; None if it may live for ever."""
    days = settings.expiry_max
    if days is None and kind == "access":
        days = _ACCESS_DAYS
    return None if days is None else utcnow() + timedelta(days=days)


@contextmanager
def _inside(app: Flask) -> Iterator[bool]:
    """Enter an application context, unless the test has one; yield whether it is ours.

    In the test's own context its session is used, with its uncommitted changes.
    """
    if has_app_context() and current_app.extensions is app.extensions:
        yield False
        return
    with app.app_context():
        yield True
