"""Translation of every sentence that a person reads.

If the host uses Flask-Babel, the plugin's catalogue (domain ``apitokens``) follows the
host's locale. Without Flask-Babel the English source is the text.
"""

from __future__ import annotations

import gettext as stdlib_gettext
from functools import cache
from pathlib import Path
from typing import Any
from typing import Protocol

from flask import current_app
from flask import has_app_context
from flask import has_request_context

_ENGLISH = stdlib_gettext.NullTranslations()


class _Catalogue(Protocol):
    def gettext(self, message: str, /) -> str: ...

    def ngettext(self, one: str, many: str, n: int, /) -> str: ...


@cache
def _domain() -> Any:
    from flask_babel import Domain

    directory = str(Path(__file__).parent / "translations")
    return Domain(translation_directories=[directory], domain="apitokens")


def _catalogue() -> _Catalogue:
    if not has_app_context() or "babel" not in current_app.extensions:
        return _ENGLISH
    try:
        translations: _Catalogue = _domain().get_translations()
    except RuntimeError:
        if has_request_context():
            raise
        # The host selects the language by the request, and a command has no request.
        return _ENGLISH
    return translations


def gettext(message: str, **variables: object) -> str:
    """Return *message* in the language of the request, with its variables filled in.

    :param message: the English sentence, with ``%(name)s`` for each variable.
    :param variables: the values by name.
    """
    text = _catalogue().gettext(message)
    return text % variables if variables else text


def ngettext(one: str, many: str, n: int, **variables: object) -> str:
    """Return the form of a sentence for the number *n*, in the request's language.

    :param one: the English sentence for one.
    :param many: the English sentence for any other number.
    :param n: the number; it also fills ``%(n)s``.
    :param variables: the values of the other variables by name.
    """
    text = _catalogue().ngettext(one, many, n)
    return text % {"n": n, **variables}
