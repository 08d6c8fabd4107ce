"""The forms of the pages, and their protection against cross-site requests.

Each form has a CSRF token, which is checked here and not by the application's
CSRFProtect. The protection holds without CSRFProtect, if the application exempts our
blueprints, and with ``WTF_CSRF_CHECK_DEFAULT`` off. ``WTF_CSRF_ENABLED = False`` only
counts under test (``TESTING``), since it exists for test clients.
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

from flask_apitokens.domain import plaintexts
from flask_apitokens.errors import StaleForm
from flask_apitokens.state import current_apitokens

#: the format of ``secrets.token_urlsafe(16)``
_FORM_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def stale() -> str:
    """Return the message for a form whose protection does not hold."""
    return StaleForm().message


@dataclass(frozen=True)
class CsrfField:
    """The hidden field with the CSRF token of a form."""

    name: str
    value: str

    @classmethod
    def fresh(cls) -> CsrfField:
        """Return the field for a form that is rendered now."""
        name = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
        return cls(name, generate_csrf())


class ProtectedForm(FlaskForm):
    """A form that is refused without the CSRF token of this session."""

    class Meta(FlaskForm.Meta):
        @cached_property
        def csrf(self) -> bool:
            """Whether the token is required: always, except under test."""
            config = current_app.config
            return not current_app.testing or bool(config.get("WTF_CSRF_ENABLED", True))

    def __init__(self) -> None:
        # FlaskForm itself would read files and JSON too.
        super().__init__(formdata=request.form)  # type: ignore[no-untyped-call]

    def is_genuine(self) -> bool:
        """Whether the form was rendered for this session, and not too long ago."""
        if not self.meta.csrf:
            return True
        token = self[self.meta.csrf_field_name]
        return bool(token.validate(self)) and _comes_from_here()


def _comes_from_here() -> bool:
    # As CSRFProtect does: a page of the same host over plain HTTP can set the session
    # cookie of the HTTPS site, so the token alone proves nothing.
    if not request.is_secure or not current_app.config.get("WTF_CSRF_SSL_STRICT", True):
        return True
    referrer = request.referrer
    return bool(referrer) and same_origin(referrer, f"https://{request.host}/")


class ConfirmForm(ProtectedForm):
    """A form that has no field besides its protection, such as a confirmation."""


def require_genuine_form() -> None:
    """Check a form that has no field besides its protection.

    :raises StaleForm: if it was not rendered for this session, or too long ago.
    """
    if not ConfirmForm().is_genuine():
        raise StaleForm


def typed(name: str) -> str:
    """Return a field of the submitted form as :func:`cleaned` returns it.

    :param name: of the field.
    """
    return cleaned(request.form.get(name))


def cleaned(text: str | None) -> str:
    """Return what was typed as it may be stored and shown again.

    A token that was pasted there is cut down to its id.
    """
    return plaintexts.without_plaintexts(current_apitokens.context(), text or "")


class RenameForm(ProtectedForm):
    """The new name of a token."""

    name = StringField()


class OnceForm(ProtectedForm):
    """A form that takes effect once, by an id that it was rendered with."""

    form_id = StringField()

    def is_genuine(self) -> bool:
        """Whether the form is genuine and has the id that makes it take effect once."""
        known = bool(_FORM_ID.fullmatch(self.form_id.data or ""))
        return known and super().is_genuine()


class ReplaceForm(OnceForm):
    """The token to replace: the one that the form was rendered for."""

    current = StringField()


class RotateForm(OnceForm):
    """The input of the rotate form."""

    grace = StringField()
    expiry = StringField()
    expiry_date = StringField()


class GenerateForm(OnceForm):
    """The input of the generate form."""

    kind = StringField()
    name = StringField()
    service = StringField()
    scope = SelectMultipleField(validate_choice=False)
    expiry = StringField()
    expiry_date = StringField()
    access_expiry = StringField()
    access_expiry_date = StringField()
    networks = StringField()
    change = StringField()
