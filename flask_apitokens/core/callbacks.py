"""The host's decisions, such as who administers an account, and their defaults."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from inspect import iscoroutine
from operator import attrgetter
from typing import Any
from typing import NamedTuple
from typing import TypeAlias
from typing import TypedDict
from typing import Unpack

from sqlalchemy import Column
from sqlalchemy import Select
from sqlalchemy import inspect
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm import QueryableAttribute

from flask_apitokens.db.models import ACCOUNT_LENGTH
from flask_apitokens.errors import ConfigurationError

from .snapshots import TokenSnapshot
from .user_model import can_be_compared_with_text
from .user_model import column_named
from .user_model import own_column
from .user_model import users_by_column

log = logging.getLogger("flask_apitokens")

#: the account of a user for whom ``account_of`` failed: nothing belongs to it
NO_ACCOUNT = "\N{REPLACEMENT CHARACTER}"
#: a function that is called with a user, or a column of the user model
UserValue: TypeAlias = Callable[[Any], object] | QueryableAttribute[Any] | Column[Any]


@dataclass(frozen=True)
class Notice:
    """News for a user or for administrators, which the host delivers in its own way.

    :param kind: the kind of event, such as ``token_deactivated``.
    :param text: a sentence about it, in the language that ``locale_of`` names for the
        user; without ``locale_of`` in that of the request.
    :param account_id: the account it happened in.
    :param user: the user it is for; None if it is for the account's administrators.
    :param token: the token it is about, as it was then; None if it is about no token.
    :param reason: the reason that was given for the act.
    :param actor: who did it, as the audit log names them.
    """

    kind: str
    text: str
    account_id: str
    user: Any = None
    token: TokenSnapshot | None = None
    reason: str = ""
    actor: str = ""


def default_email(user: Any) -> object:
    """Return the attribute ``email`` of *user*."""
    return user.email


@dataclass(frozen=True)
class Callbacks:
    """The host's decisions for one user model; each callable is safe to call.

    A callable about rights answers False if the host's function raises or returns
    nothing.
    """

    user_label: Callable[[Any], str]
    account_of: Callable[[Any], str]
    #: None if the users of one account cannot be told from others
    users_of: Callable[[str], Select[Any]] | None = None
    #: None if there are no administrators
    is_admin: Callable[[Any], bool] | None = None
    #: None if every user may use the API
    can_use_api: Callable[[Any], bool] | None = None
    #: returns the slugs of an account's services; None if every account has all
    services_for: Callable[[str], frozenset[str]] | None = None
    #: raises what the host's function raises; each caller decides what that means
    email_of: Callable[[Any], object] = default_email
    on_notice: Callable[[Notice], object] | None = None
    #: returns None for the application's default; None if notices have the language
    #: of the request
    locale_of: Callable[[Any], object] | None = None
    #: whether there are accounts at all, to show
    has_accounts: bool = False
    #: the columns that the guard's one SELECT reads; without one it loads the user
    account_column: InstrumentedAttribute[Any] | None = None
    permission_column: InstrumentedAttribute[Any] | None = None
    email_column: InstrumentedAttribute[Any] | None = None

    def send_notice(self, notice: Notice) -> object:
        """Hand *notice* to the host.

        :returns: what ``on_notice`` returned.
        :raises Exception: whatever ``on_notice`` raises.
        """
        if self.on_notice is not None:
            return self.on_notice(notice)
        log.info("notice %s: %s", notice.kind, notice.text)
        return None


class HostArguments(TypedDict, total=False):
    """The arguments of :class:`~flask_apitokens.APITokens` that the host decides by."""

    is_admin: UserValue | None
    can_use_api: UserValue | None
    account_of: UserValue | None
    users_of: Callable[[str], Select[Any]] | None
    services_for: Callable[[str], Iterable[str]] | None
    user_label: UserValue | None
    email_of: UserValue | None
    on_notice: Callable[[Notice], object] | None
    locale_of: UserValue | None


def bind_callbacks(user_model: type[Any], **given: Unpack[HostArguments]) -> Callbacks:
    """Make the host's arguments safe to call.

    :param user_model: the host's user class, which the columns belong to.
    :raises ConfigurationError: if an argument is neither callable nor a column of the
        user model, or if administrators' users cannot be told from others.
    """
    for name in ("users_of", "services_for", "on_notice"):
        value: object = given.get(name)
        if value is not None and not callable(value):
            raise ConfigurationError(f"{name} is {value!r}; allowed is a function")
    source = partial(_source, user_model, given=given)
    admin, may, label = source("is_admin"), source("can_use_api"), source("user_label")
    account, services_for = source("account_of"), given.get("services_for")
    own_email = _Source(default_email, column_named(user_model, "email"))
    email = source("email_of") or own_email
    locale = source("locale_of")
    column = None if account is None else _comparable(account.column)
    users_of = given.get("users_of")
    if users_of is None and (account is None or column is not None):
        users_of = users_by_column(user_model, column)
    if users_of is None and admin is not None:
        raise _users_unknown(user_model)
    return Callbacks(
        user_label=default_label if label is None else _as_label(label.function),
        account_of=_no_account if account is None else _as_account(account.function),
        users_of=users_of,
        is_admin=None if admin is None else _as_permission(admin.function),
        can_use_api=None if may is None else _as_permission(may.function),
        services_for=None if services_for is None else _as_slugs(services_for),
        email_of=email.function,
        on_notice=given.get("on_notice"),
        locale_of=None if locale is None else _as_locale(locale.function),
        has_accounts=account is not None,
        account_column=column,
        permission_column=None if may is None else may.column,
        email_column=email.column,
    )


class _Source(NamedTuple):
    """Where a value of a user comes from: a function, and the column that it reads."""

    function: Callable[[Any], object]
    column: InstrumentedAttribute[Any] | None = None


def _source(
    user_model: type[Any], name: str, *, given: Mapping[str, object]
) -> _Source | None:
    value = given.get(name)
    if value is None:
        return None
    is_attribute = isinstance(value, QueryableAttribute | Column)
    if callable(value) and not is_attribute:
        return _Source(value)
    column = own_column(user_model, value)
    if column is None:
        model, shown = user_model.__name__, value if is_attribute else repr(value)
        raise ConfigurationError(
            f"{name} is {shown}; allowed is a column of {model}, such as "
            f"{name}={model}.…, or a function that takes a user; for a relationship, a "
            f"property or an expression write {name}=lambda user: …"
        )
    return _Source(attrgetter(column.key), column)


def _comparable(
    column: InstrumentedAttribute[Any] | None,
) -> InstrumentedAttribute[Any] | None:
    """Return *column* if the guard can read accounts from it.

    The guard loads the user to read a column of another type: what a driver returns for
    it is not the value that the account was stored from.
    """
    if column is None or not can_be_compared_with_text(column.type):
        return None
    return column


def _users_unknown(user_model: type[Any]) -> ConfigurationError:
    return ConfigurationError(
        "an administrator sees only their own account: beside is_admin and a function "
        "account_of give APITokens users_of=lambda account_id: select(User).where(…), "
        "or make account_of a column of text, integers or UUIDs, such as "
        f"account_of={user_model.__name__}.account_id"
    )


def default_label(user: Any) -> str:
    """Return the email, username or name of *user*, whichever exists, else the key."""
    for attribute in ("email", "username", "name"):
        label = getattr(user, attribute, None)
        if label:
            return str(label)
    identity = inspect(user).identity
    return str(identity[0]) if identity else ""


def _as_label(user_label: Callable[[Any], object]) -> Callable[[Any], str]:
    def label(user: Any) -> str:
        try:
            text = user_label(user)
        except Exception:
            # It may have read a row that was deleted, such as the user's account.
            log.exception("user_label failed, so the user is named by default")
            text = None
        return str(text or default_label(user))

    return label


def _no_account(user: Any) -> str:
    return ""


def _as_account(account_of: Callable[[Any], object]) -> Callable[[Any], str]:
    def account(user: Any) -> str:
        try:
            name = account_of(user)
        except Exception:
            log.exception("account_of failed, so the user belongs to no account")
            return NO_ACCOUNT
        return account_text(name)

    return account


def account_text(name: object) -> str:
    """Return an account as it is stored; an account of None is the empty text.

    :raises ConfigurationError: if it is longer than the column, or ends in a space.
    """
    text = "" if name is None else str(name)
    if text.endswith(" "):
        # MariaDB ignores the space when it compares, and would take two accounts for
        # one.
        raise ConfigurationError(f"account_of named {text!r}, which ends in a space")
    if len(text) > ACCOUNT_LENGTH:
        raise ConfigurationError(
            f"account_of named an account of {len(text)} characters; "
            f"allowed are {ACCOUNT_LENGTH}"
        )
    return text


def _as_permission(may: Callable[[Any], object]) -> Callable[[Any], bool]:
    def allowed(user: Any) -> bool:
        try:
            answer = may(user)
            if not callable(answer) and not isawaitable(answer):
                return bool(answer)
        except Exception:
            log.exception("an authorization callback failed, which means no")
            return False
        # An uncalled method or un-awaited coroutine is truthy, so it is refused.
        if iscoroutine(answer):
            answer.close()
        log.error("an authorization callback answered %r, which means no", answer)
        return False

    return allowed


def _as_locale(locale_of: Callable[[Any], object]) -> Callable[[Any], object]:
    def locale(user: Any) -> object:
        try:
            return locale_of(user)
        except Exception:
            log.exception("locale_of failed, so a notice has the default language")
            return None

    return locale


def _as_slugs(
    services_for: Callable[[str], Iterable[str]],
) -> Callable[[str], frozenset[str]]:
    def slugs(account_id: str) -> frozenset[str]:
        try:
            named = services_for(account_id)
            return frozenset([named] if isinstance(named, str) else named)
        except Exception:
            log.exception("services_for failed, which means no service")
            return frozenset()

    return slugs
