"""Catalogues for tests."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo

#: the English sentences of a message, and their translations
Sentences = Mapping[str | tuple[str, str], str | tuple[str, ...]]


def write_catalogue(
    folder: Path, locale: str, sentences: Sentences, *, domain: str = "apitokens"
) -> None:
    """Write a compiled catalogue as Flask-Babel finds it.

    :param folder: one of ``BABEL_TRANSLATION_DIRECTORIES``.
    """
    catalog = Catalog(locale=locale, domain=domain)
    for english, text in sentences.items():
        catalog.add(english, text)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    place = folder / locale / "LC_MESSAGES"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{domain}.mo").write_bytes(compiled.getvalue())
