"""The language of the text that a person reads: sentences, dates and numbers.

If the host uses Flask-Babel, the text follows the host's locale. Its sentences are in
the catalogues ``translations/LANGUAGE/LC_MESSAGES/apitokens.mo`` of the host, then in
those of this package. Without Flask-Babel the text is the English of the source, and
Babel is not imported.
"""

from __future__ import annotations

import gettext as stdlib_gettext
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from flask import current_app
from flask import has_app_context
from flask import has_request_context

if TYPE_CHECKING:
    from babel import Locale

log = logging.getLogger("flask_apitokens")

#: the domain of the catalogues, of ours and of the host's
DOMAIN = "apitokens"
#: the folder with our catalogues
TRANSLATIONS = Path(__file__).parent / "translations"
#: numbers that have every plural form of every language
_SAMPLES = range(201)


@dataclass(frozen=True)
class Language:
    """The language of the text.

    :param sentences: the translations of the sentences.
    :param locale: of dates and numbers; None for the formats of the source.
    :param tag: the language as BCP 47 writes it.
    :param direction: ``ltr`` or ``rtl``.
    """

    sentences: stdlib_gettext.NullTranslations
    locale: Locale | None = None
    tag: str = "en"
    direction: str = "ltr"


_ENGLISH = Language(stdlib_gettext.NullTranslations())


def _uses_babel() -> bool:
    # Other extensions call themselves "babel" too.
    return (
        has_app_context()
        and "babel" in current_app.extensions
        and "flask_babel" in sys.modules
    )


def language() -> Language:
    """Return the language of the text at this moment.

    This is the language of the host's locale. It is English if neither the host nor
    this package has a catalogue of that language.
    """
    if not _uses_babel():
        return _ENGLISH
    from flask_babel import Domain
    from flask_babel import get_locale

    try:
        locale = get_locale()
    except RuntimeError:
        if has_request_context():
            raise
        # The host selects the language by the request, and a command has no request.
        return _ENGLISH
    if locale is None:
        return _ENGLISH
    return _language(str(locale), tuple(Domain().translation_directories))


@lru_cache(maxsize=128)
def _language(name: str, directories: tuple[str, ...]) -> Language:
    from babel import Locale

    locale = text = Locale.parse(name)
    # Of its directories, Flask-Babel prefers the last one too.
    found = _catalogues(locale, *reversed(directories))
    ours = _catalogues(locale, str(TRANSLATIONS))
    if not ours:
        relative = _relative(locale)
        if relative is not None:
            ours = _catalogues(relative, str(TRANSLATIONS))
            text = locale if found else relative
    if not found and not ours and locale.language != "en":
        return _language("en", directories)
    return Language(
        sentences=_chain([*found, *ours]),
        locale=None if str(locale) == "en" else locale,
        tag="-".join(filter(None, (text.language, text.script, text.territory))),
        direction=text.text_direction,
    )


def _catalogues(locale: Locale, *directories: str) -> list[Path]:
    """Return the catalogues that fit *locale*, the most special first."""
    language, script, place = locale.language, locale.script, locale.territory
    parts = ((script, place), (script, None), (None, place), (None, None))
    names = ["_".join(filter(None, (language, *both))) for both in parts]
    paths = [
        Path(directory, name, "LC_MESSAGES", f"{DOMAIN}.mo")
        for name in dict.fromkeys([str(locale), *names])
        for directory in directories
    ]
    return [path for path in paths if path.is_file()]


def _relative(locale: Locale) -> Locale | None:
    """Return our locale of the same language in the same script: pt_BR for pt_PT."""
    from babel import Locale

    names = (path.name for path in TRANSLATIONS.glob(f"{locale.language}_*"))
    others = [Locale.parse(name) for name in sorted(names)]
    return next((each for each in others if _script(each) == _script(locale)), None)


def _script(locale: Locale) -> str | None:
    """Return the script that *locale* names or implies: Hant for zh_TW."""
    from babel.core import get_global
    from babel.core import parse_locale

    if locale.script:
        return locale.script
    likely = get_global("likely_subtags")
    language = locale.language
    full = likely.get(f"{language}_{locale.territory}") or likely.get(language)
    return parse_locale(full)[2] if full else None


def _chain(paths: list[Path]) -> stdlib_gettext.NullTranslations:
    """Return the catalogues as one: a sentence comes from the first that has it."""
    chain = stdlib_gettext.NullTranslations()
    for path in reversed(paths):
        with path.open("rb") as file:
            catalogue = stdlib_gettext.GNUTranslations(file)
        catalogue.add_fallback(chain)
        chain = catalogue
    return chain


def gettext(message: str, **variables: object) -> str:
    """Return *message* in the language of the text, with its variables filled in.

    :param message: the English sentence, with ``%(name)s`` for each variable.
    :param variables: the values by name.
    """
    text = language().sentences.gettext(message)
    return text % variables if variables else text


def ngettext(one: str, many: str, n: int, **variables: object) -> str:
    """Return the form of a sentence for the number *n*, in the language of the text.

    :param one: the English sentence for one.
    :param many: the English sentence for any other number.
    :param n: the number; it also fills ``%(n)s``.
    :param variables: the values of the other variables by name.
    """
    text = language().sentences.ngettext(one, many, n)
    return text % {"n": number(n), **variables}


def plural_forms(one: str, many: str) -> dict[str, str]:
    """Return all forms of a sentence, for a script that counts in the browser.

    :param one: the English sentence for one.
    :param many: the English sentence for any other number.
    :returns: the forms by their categories in ``Intl.PluralRules``, with ``{n}`` for
        the number.
    """
    spoken = language()
    forms: dict[str, str] = {}
    for n in _SAMPLES:
        category = spoken.locale.plural_form(n) if spoken.locale else _english_form(n)
        if category not in forms:
            forms[category] = spoken.sentences.ngettext(one, many, n) % {"n": "{n}"}
    return forms


def _english_form(n: int) -> str:
    return "one" if n == 1 else "other"


def number(value: int) -> str:
    """Return a whole number with the separators of the language: ``12,345``."""
    locale = language().locale
    if locale is None:
        return f"{value:,}"
    from babel.numbers import format_decimal

    return format_decimal(value, locale=locale)


def percent(thousandths: int) -> str:
    """Return a percentage: ``98.5%``; 0 and 100 have no digit after the point."""
    locale = language().locale
    if locale is None:
        digits = 0 if thousandths in (0, 1000) else 1
        return f"{thousandths / 10:.{digits}f}%"
    from babel.numbers import format_percent

    share = Decimal(thousandths) / 1000
    return format_percent(share, locale=locale, decimal_quantization=False)


@contextmanager
def speaking(locale: Any) -> Iterator[None]:
    """Set the language of the text for a while.

    It has no effect without Flask-Babel.

    :param locale: a Babel locale, or its identifier, such as ``pt_BR`` or ``pt-BR``;
        None for the application's default.
    """
    if not _uses_babel():
        yield
        return
    from flask_babel import force_locale

    with force_locale(_known(locale)):
        yield


def _known(locale: Any) -> Any:
    from babel import Locale
    from babel import UnknownLocaleError

    default = current_app.extensions["babel"].instance.default_locale
    try:
        return Locale.parse(str(locale).replace("-", "_")) if locale else default
    except (UnknownLocaleError, ValueError):
        log.warning("%r is no locale that Babel knows, so %s is used", locale, default)
        return default
