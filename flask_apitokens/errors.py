"""The errors that the plugin raises: each with its status, machine word and sentence.

There are two families. A :class:`DomainError` is for people: a form shows its sentence
beside :attr:`~DomainError.field`, the command line prints it. A
:class:`~flask_apitokens.errors.Refusal` is for scripts; :mod:`.refusals` has that
family, and its names can be imported from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import ClassVar

from werkzeug.exceptions import HTTPException

from .i18n import gettext as _
from .i18n import ngettext as _n
from .refusals import ApiAccessDenied as ApiAccessDenied
from .refusals import Forbidden as Forbidden
from .refusals import InsufficientScope as InsufficientScope
from .refusals import InvalidToken as InvalidToken
from .refusals import MalformedRequest as MalformedRequest
from .refusals import MissingToken as MissingToken
from .refusals import NetworkNotAllowed as NetworkNotAllowed
from .refusals import OwnerEmailChanged as OwnerEmailChanged
from .refusals import OwnerInactive as OwnerInactive
from .refusals import Refusal as Refusal
from .refusals import ServiceInactive as ServiceInactive
from .refusals import TemporarilyUnavailable as TemporarilyUnavailable
from .refusals import TokenDeactivated as TokenDeactivated
from .refusals import TokenExpired as TokenExpired
from .refusals import TokenRevoked as TokenRevoked
from .refusals import WrongKind as WrongKind
from .refusals import WrongService as WrongService

if TYPE_CHECKING:
    from collections.abc import Iterable


class ConfigurationError(RuntimeError):
    """A setting, a declaration or the host's model is wrong; says what is allowed."""


class DomainError(HTTPException):
    """A request of a person cannot be fulfilled; nothing was changed.

    :param message: the sentence that pages and commands show.
    """

    code: int = 422
    reason: ClassVar[str] = "invalid"
    field: ClassVar[str | None] = None

    def __init__(self, message: str) -> None:
        super().__init__(description=message)
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.code

    def __str__(self) -> str:
        return self.message


class TokenNotFound(DomainError):
    """There is no such token, or it is another owner's: the answer is the same."""

    code = 404
    reason = "token_not_found"

    def __init__(self) -> None:
        super().__init__(_("This token no longer exists."))


class InvalidName(DomainError):
    """The name is empty, too long, or has characters that cannot be stored."""

    reason = "invalid_name"
    field = "name"


class NameTaken(DomainError):
    """Another live token of the same owner has this name."""

    reason = "name_taken"
    field = "name"

    def __init__(self, name: str) -> None:
        self.name_taken = name
        super().__init__(
            _(
                "You already have a token called “%(name)s”. Choose another name.",
                name=name,
            )
        )


class StaleForm(DomainError):
    """A form was open too long, or was not rendered for this session."""

    code = 400
    reason = "stale_form"

    def __init__(self) -> None:
        super().__init__(_("This form was open too long. Try again."))


class InvalidReason(DomainError):
    """A reason is missing, too long, or has characters that cannot be stored."""

    reason = "invalid_reason"
    field = "reason"


class ImportRefused(DomainError):
    """A token of another system cannot be imported; the message has no part of it."""

    reason = "import_refused"


class InvalidKind(DomainError):
    """This kind of token is not offered here."""

    reason = "invalid_kind"
    field = "kind"

    def __init__(self) -> None:
        super().__init__(_("Choose one of the kinds listed."))


class InvalidScopes(DomainError):
    """No scope was chosen, or one that the service does not have."""

    reason = "invalid_scopes"
    field = "scope"


class InvalidExpiry(DomainError):
    """The expiry is missing, past, or later than allowed."""

    reason = "invalid_expiry"
    field = "expiry"


class InvalidGrace(DomainError):
    """A rotated token may not keep working for this time.

    :param offered: the days that are allowed.
    """

    reason = "invalid_grace"
    field = "grace"

    def __init__(self, offered: Iterable[int]) -> None:
        self.offered = tuple(offered)
        super().__init__(_("Choose one of the times listed."))


class InvalidNetworks(DomainError):
    """A network is not valid, or there are too many."""

    reason = "invalid_networks"
    field = "networks"


class ServiceUnavailable(DomainError):
    """The service does not exist, or the owner may not use it.

    :param message: another sentence than the usual one.
    """

    reason = "service_unavailable"
    field = "service"

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message or _("There is no such service, or the owner may not use it.")
        )


class LimitReached(DomainError):
    """The owner already has as many live tokens as allowed.

    :param limit: that number.
    """

    code = 409
    reason = "limit_reached"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            _n(
                "You already have %(n)s token, the most allowed. "
                "Revoke one you no longer need.",
                "You already have %(n)s tokens, the most allowed. "
                "Revoke one you no longer need.",
                limit,
            )
        )


class AlreadyGenerated(DomainError):
    """The same form was sent before; its token exists and was shown once."""

    code = 409
    reason = "already_generated"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This token was already generated and its value shown once. "
                "If you missed it, revoke it and generate a new one."
            )
        )


class AccessDenied(DomainError):
    """The user may not do this."""

    code = 403
    reason = "access_denied"

    def __init__(self) -> None:
        super().__init__(_("You are not allowed to do that."))


class ApiNotAllowed(AccessDenied):
    """The owner may not use the API at all (``can_use_api``)."""

    reason = "api_not_allowed"

    def __init__(self) -> None:
        DomainError.__init__(self, _("API access is not turned on for this user."))


class NotFound(DomainError):
    """No such user, service or request in this account."""

    code = 404
    reason = "not_found"

    def __init__(self) -> None:
        super().__init__(_("This page does not exist."))


class UserNotFound(NotFound):
    """The user was deleted in the meantime."""

    reason = "user_not_found"

    def __init__(self) -> None:
        DomainError.__init__(self, _("This user no longer exists."))


class DifferentAccounts(DomainError):
    """Two users belong to different accounts, so they cannot be merged."""

    code = 409
    reason = "different_accounts"

    def __init__(self) -> None:
        super().__init__(_("The two users belong to different accounts."))


class SelfServiceOff(AccessDenied):
    """Users do not generate tokens here, only administrators do."""

    reason = "self_service_off"

    def __init__(self) -> None:
        DomainError.__init__(self, _("Administrators generate the tokens here."))


class AccessSwitchedOff(DomainError):
    """The user may use no service, so a token could not be used."""

    code = 403
    reason = "access_switched_off"

    def __init__(self) -> None:
        super().__init__(
            _(
                "API access is switched off for you at the moment. "
                "An administrator can turn it on."
            )
        )


class Conflict(DomainError):
    """Another user changed the same thing in the meantime."""

    code = 409
    reason = "conflict"

    def __init__(self) -> None:
        super().__init__(_("Someone else changed this. Reload to see the latest."))
