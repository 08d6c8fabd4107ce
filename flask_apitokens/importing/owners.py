"""The owners of imported tokens."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask_apitokens.core.callbacks import NO_ACCOUNT
from flask_apitokens.core.context import Context
from flask_apitokens.domain import email_binding
from flask_apitokens.errors import ImportRefused

log = logging.getLogger("flask_apitokens")


@dataclass(frozen=True)
class ImportOwner:
    """The owner of an imported token.

    :param owner_id: the primary key of the user; None for a userless token.
    :param account_id: the account the token belongs to.
    :param label: the name of the owner, for the audit log.
    :param email: the address that the token is bound to (``APITOKENS_BIND_TO_EMAIL``).
    """

    owner_id: Any
    account_id: str
    label: str | None = field(default=None, compare=False)
    email: object = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> tuple[Any, str]:
        """Return a value that stays the same if the owner changes the account."""
        return self.owner_id, self.account_id if self.owner_id is None else ""


def import_owner(ctx: Context, owner: Any, account_id: str = "") -> ImportOwner:
    """Return the owner of tokens to import.

    :param owner: a user, or None for userless tokens of *account_id*.
    :raises ImportRefused: if the user has no account, or the application's function for
        the email address fails.
    """
    if owner is None:
        return ImportOwner(None, account_id)
    account = ctx.account_of(owner)
    if account == NO_ACCOUNT:
        raise ImportRefused("The owner belongs to no account.")
    try:
        email = email_binding.email_to_bind(ctx, owner)
    except Exception:
        log.exception("email_of failed, so no token of this user is imported")
        raise ImportRefused("The owner's email address is unknown.") from None
    return ImportOwner(
        owner_id=ctx.models.user_id(owner),
        account_id=account,
        label=ctx.user_label(owner),
        email=email,
    )
