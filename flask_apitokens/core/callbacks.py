"""What the host decides: who is who, who may what. Every one of them has a default."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
from inspect import isawaitable
from inspect import iscoroutine
from types import FunctionType
from typing import TYPE_CHECKING
from typing import Any

from sqlalchemy import Select
from sqlalchemy import inspect
from sqlalchemy.orm import InstrumentedAttribute

from flask_apitokens.db.models import ACCOUNT_LENGTH
from flask_apitokens.errors import ConfigurationError

from .user_model import column_named
from .user_model import is_of_text
from .user_model import users_by_column

if TYPE_CHECKING:
    from flask_apitokens.db.models import Token
    from flask_apitokens.errors import Refusal

log = logging.getLogger("flask_apitokens")

#: the account of a user that cannot be told: nothing belongs to it
NO_ACCOUNT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Notice:
    """Something a person should hear of, for the host to send in its own way.

    :param kind: what happened, such as ``token_deactivated``.
    :param text: a sentence about it, in the language of the request.
    :param account_id: the account it happened in.
    :param user: whom it is for; none where it is for the account's administrators.
    :param token: the token it is about, where it is about one.
    :param reason: what the person who did it gave as their reason.
    :param actor: who did it, as the audit log names them.
    """

    kind: str
    text: str
    account_id: str
    user: Any = None
    token: Token | None = None
    reason: str = ""
    actor: str = ""


def default_email(user: Any) -> object:
    """The attribute ``email`` of a user."""
    return user.email


@dataclass(frozen=True)
class Callbacks:
    """The host's callables, each safe to call.

    A callable about rights that raises, or answers nothing, means no.
    """

    user_label: Callable[[Any], str]
    account_of: Callable[[Any], str]
    #: none where nothing tells the users of one account from others
    users_of: Callable[[str], Select[Any]] | None = None
    #: none where nobody is
    is_admin: Callable[[Any], bool] | None = None
    #: none where everybody may
    can_use_api: Callable[[Any], bool] | None = None
    #: the slugs of an account's services; none where every account has all
    services_for: Callable[[str], frozenset[str]] | None = None
    #: may raise what the host's own raises: who asks knows what that means
    email_of: Callable[[Any], object] = default_email
    on_notice: Callable[[Notice], None] | None = None
    #: whether there are accounts at all, to show
    has_accounts: bool = False
    #: the attributes that some of the callables read and do nothing else
    account_attribute: str | None = None
    permission_attribute: str | None = None
    email_attribute: str | None = "email"
    #: and their columns, so that the guard's one SELECT tells as much
    account_column: InstrumentedAttribute[Any] | None = None
    permission_column: InstrumentedAttribute[Any] | None = None
    email_column: InstrumentedAttribute[Any] | None = None
    #: makes another body of a refusal; its challenge stays
    error_handler: Callable[[Refusal], Any] | None = None

    def tell(self, notice: Notice) -> bool:
        """Hand *notice* to the host; answers whether it took it.

        Whatever it does with it fails nothing.
        """
        if self.on_notice is None:
            log.info("notice %s: %s", notice.kind, notice.text)
            return True
        try:
            self.on_notice(notice)
        except Exception:
            log.exception("on_notice failed for %s", notice.kind)
            return False
        return True


def callbacks_of(
    *,
    is_admin: Callable[[Any], object] | None = None,
    can_use_api: Callable[[Any], object] | None = None,
    account_of: Callable[[Any], object] | None = None,
    users_of: Callable[[str], Select[Any]] | None = None,
    services_for: Callable[[str], Iterable[str]] | None = None,
    user_label: Callable[[Any], str] | None = None,
    email_of: Callable[[Any], object] | None = None,
    on_notice: Callable[[Notice], object] | None = None,
) -> Callbacks:
    """The callables as the host gave them; :func:`bound` ties them to its model."""
    return Callbacks(
        user_label=default_label if user_label is None else _as_label(user_label),
        account_of=_no_account if account_of is None else _as_text(account_of),
        users_of=users_of,
        is_admin=None if is_admin is None else _surely(is_admin),
        can_use_api=None if can_use_api is None else _surely(can_use_api),
        services_for=None if services_for is None else _slugs(services_for),
        on_notice=None if on_notice is None else _silently(on_notice),
        has_accounts=account_of is not None,
        account_attribute=plain_attribute(account_of),
        permission_attribute=plain_attribute(can_use_api),
        email_of=default_email if email_of is None else email_of,
        email_attribute="email" if email_of is None else plain_attribute(email_of),
    )


def bound(callbacks: Callbacks, user_model: type[Any]) -> Callbacks:
    """The same with what depends on the host's user model.

    :raises ConfigurationError: if an administrator's users cannot be told from others.
    """
    account = column_named(user_model, callbacks.account_attribute)
    if account is not None and not is_of_text(account.type):
        account = None
    users_of = callbacks.users_of
    if users_of is None and (account is not None or not callbacks.has_accounts):
        users_of = users_by_column(user_model, account)
    if users_of is None and callbacks.is_admin is not None:
        raise ConfigurationError(
            "an administrator sees their own account alone: beside account_of and "
            "is_admin give APITokens users_of=lambda account_id: "
            "select(User).where(…), or an account_of that merely reads a column"
        )
    return replace(
        callbacks,
        users_of=users_of,
        account_column=account,
        permission_column=column_named(user_model, callbacks.permission_attribute),
        email_column=column_named(user_model, callbacks.email_attribute),
    )


def default_label(user: Any) -> str:
    """The email, username or name of a user, whichever exists, else the key."""
    for attribute in ("email", "username", "name"):
        label = getattr(user, attribute, None)
        if label:
            return str(label)
    identity = inspect(user).identity
    return str(identity[0]) if identity else ""


def _as_label(user_label: Callable[[Any], object]) -> Callable[[Any], str]:
    def label(user: Any) -> str:
        return str(user_label(user) or default_label(user))

    return label


def _no_account(user: Any) -> str:
    return ""


def _as_text(account_of: Callable[[Any], object]) -> Callable[[Any], str]:
    def account(user: Any) -> str:
        try:
            name = account_of(user)
        except Exception:
            log.exception("account_of failed, so the user is of no account")
            return NO_ACCOUNT
        return account_text(name)

    return account


def account_text(name: object) -> str:
    """The account as it is stored.

    :raises ConfigurationError: if it is longer than what is stored, or ends in a space.
    """
    text = "" if name is None else str(name)
    if text.endswith(" "):
        # MariaDB compares without it, and would take two accounts for one.
        raise ConfigurationError(f"account_of named {text!r}, which ends in a space")
    if len(text) > ACCOUNT_LENGTH:
        raise ConfigurationError(
            f"account_of named an account of {len(text)} characters; "
            f"allowed are {ACCOUNT_LENGTH}"
        )
    return text


def _surely(may: Callable[[Any], object]) -> Callable[[Any], bool]:
    def allowed(user: Any) -> bool:
        try:
            answer = may(user)
            if not callable(answer) and not isawaitable(answer):
                return bool(answer)
        except Exception:
            log.exception("an authorization callback failed, which means no")
            return False
        # A method that was not called, a coroutine that was not awaited: both are true.
        if iscoroutine(answer):
            answer.close()
        log.error("an authorization callback answered %r, which means no", answer)
        return False

    return allowed


def _slugs(services_for: Callable[[str], Iterable[str]]) -> Callable[[str], Any]:
    def slugs(account_id: str) -> frozenset[str]:
        try:
            named = services_for(account_id)
            return frozenset([named] if isinstance(named, str) else named)
        except Exception:
            log.exception("services_for failed, which means no service")
            return frozenset()

    return slugs


def _silently(on_notice: Callable[[Notice], object]) -> Callable[[Notice], None]:
    def tell(notice: Notice) -> None:
        on_notice(notice)

    return tell


def plain_attribute(ask: Callable[[Any], object] | None) -> str | None:
    """The attribute that *ask* reads and does nothing else, if that is all it does.

    ``lambda user: user.account`` is compared by its instructions, never called: what
    looks at anything else is not mistaken for it.
    """
    if type(ask) is not FunctionType or ask.__closure__ or ask.__defaults__:
        return None
    code, model = ask.__code__, (lambda user: user.attribute).__code__
    alike = (
        code.co_code == model.co_code
        and code.co_argcount == 1
        and len(code.co_names) == 1
    )
    return code.co_names[0] if alike else None
