"""The forms of the users' pages: their protection, their input, their errors.

Each form carries a CSRF token and is checked here, whatever the host does or leaves
undone: without CSRFProtect, with our blueprint's parent exempted, or with
``WTF_CSRF_CHECK_DEFAULT`` off. ``WTF_CSRF_ENABLED = False`` is obeyed only where the
application is under test (``TESTING``): it is there for test clients.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import current_app
from flask import request
from flask_wtf import FlaskForm
from flask_wtf.csrf import generate_csrf
from flask_wtf.csrf import same_origin
from werkzeug.utils import cached_property
from wtforms import SelectMultipleField
from wtforms import StringField

from flask_apitokens.errors import DomainError
from flask_apitokens.i18n import gettext as _

#: what ``secrets.token_urlsafe(16)`` makes
_FORM_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def stale() -> str:
    """What is said of a form whose protection does not hold."""
    return _("This form was open too long. Try again.")


class StaleForm(DomainError):
    """The protection of a form does not hold, and it has no fields to show again."""

    code = 400
    reason = "stale_form"

    def __init__(self) -> None:
        super().__init__(stale())


@dataclass(frozen=True)
class CsrfField:
    """The hidden field that every form of ours carries."""

    name: str
    value: str

    @classmethod
    def fresh(cls) -> CsrfField:
        """The field for a form that is rendered now."""
        name = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
        return cls(name, generate_csrf())


class ProtectedForm(FlaskForm):
    """A form that is refused without this session's CSRF token."""

    class Meta(FlaskForm.Meta):
        @cached_property
        def csrf(self) -> bool:
            """Whether the token is asked for: always, but under test."""
            config = current_app.config
            return not current_app.testing or bool(config.get("WTF_CSRF_ENABLED", True))

    def __init__(self) -> None:
        # Not FlaskForm's own choice, which reads files and JSON as well.
        super().__init__(formdata=request.form)  # type: ignore[no-untyped-call]

    def is_genuine(self) -> bool:
        """Whether the form was rendered for this session, and not too long ago."""
        if not self.meta.csrf:
            return True
        token = self[self.meta.csrf_field_name]
        return bool(token.validate(self)) and _comes_from_here()


def _comes_from_here() -> bool:
    # As CSRFProtect: over https a page of a plain http site could have set the cookie.
    if not request.is_secure or not current_app.config.get("WTF_CSRF_SSL_STRICT", True):
        return True
    referrer = request.referrer
    return bool(referrer) and same_origin(referrer, f"https://{request.host}/")


class ConfirmForm(ProtectedForm):
    """The answer to a question; it has no field besides its protection."""


def require_genuine_form() -> None:
    """Check a form that has no field besides its protection.

    :raises StaleForm: if it was not rendered for this session, or too long ago.
    """
    if not ConfirmForm().is_genuine():
        raise StaleForm


class RenameForm(ProtectedForm):
    """A new name."""

    name = StringField()


class OnceForm(ProtectedForm):
    """A form that counts once, by an id that it brings along."""

    form_id = StringField()

    def is_genuine(self) -> bool:
        """As every form's, and it carries the id that makes it count once."""
        known = bool(_FORM_ID.fullmatch(self.form_id.data or ""))
        return known and super().is_genuine()


class ReplaceForm(OnceForm):
    """Which token is to give way to a new one: the one that the form was shown for."""

    current = StringField()


class RotateForm(OnceForm):
    """How a token is to be rotated."""

    grace = StringField()
    expiry = StringField()
    expiry_date = StringField()


class GenerateForm(OnceForm):
    """What a new token is to be."""

    kind = StringField()
    name = StringField()
    service = StringField()
    scope = SelectMultipleField(validate_choice=False)
    expiry = StringField()
    expiry_date = StringField()
    networks = StringField()
    change = StringField()
