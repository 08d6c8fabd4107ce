"""The catalogues of the sentences: extracted, updated, compiled and checked.

``make translations`` runs everything and fails if a check does. Translators run
``python -m scripts.translations de`` for one catalogue. Catalogues have no line numbers
and no dates, so that a change of the code changes no line but those of its sentences.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages import Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.messages.pofile import write_po

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "flask_apitokens"
FOLDER = PACKAGE / "translations"
TEMPLATE = FOLDER / "apitokens.pot"
LANGUAGES = ("ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt_BR", "zh_Hans")
#: where sentences are; the override sets have some of their own
FOLDERS = ("flask_apitokens", "templates")
#: the reader of each kind of file
READERS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "at_"), (1,)),
    **dict.fromkeys(("_n", "ngettext", "at_n_", "plural_forms", "at_plurals"), (1, 2)),
}
HEADER = """\
# Translations template for flask_apitokens.
# This file is distributed under the same license as the flask_apitokens package.
#"""
#: headers that change without a change of a sentence
_VOLATILE = re.compile(
    rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator'
    rb"|Language-Team|Report-Msgid-Bugs-To|Project-Id-Version): .*\n",
    re.MULTILINE,
)
_PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")


def extracted() -> Catalog:
    """Return the sentences of the code and of the templates, in the order of files."""
    catalog = Catalog(domain="apitokens", header_comment=HEADER, fuzzy=False)
    for folder in FOLDERS:
        found = extract_from_dir(
            ROOT / folder,
            READERS,
            keywords=KEYWORDS,
            comment_tags=("Translators:",),
            strip_comment_tags=True,
        )
        for name, _line, message, comments, context in found:
            place = [(f"{folder}/{name}", 0)]
            catalog.add(
                message, locations=place, auto_comments=comments, context=context
            )
    return catalog


def written(catalog: Catalog) -> bytes:
    """Return a catalogue as a file, without what changes at every run."""
    file = BytesIO()
    write_po(file, catalog, width=80, ignore_obsolete=True, include_lineno=False)
    return _VOLATILE.sub(b"", file.getvalue())


def path_of(language: str) -> Path:
    """Return the catalogue of *language*."""
    return FOLDER / language / "LC_MESSAGES" / "apitokens.po"


def read(language: str) -> Catalog:
    """Return the catalogue of *language*; an empty one if it has none yet."""
    path = path_of(language)
    if not path.exists():
        header = HEADER.replace("Translations template", f"Translations ({language})")
        return Catalog(language, domain="apitokens", header_comment=header, fuzzy=False)
    with path.open("rb") as file:
        catalog = read_po(file, locale=language, domain="apitokens", abort_invalid=True)
    catalog.fuzzy = False
    return catalog


def updated(language: str, template: Catalog) -> Catalog:
    """Return the catalogue of *language* with the sentences of *template*.

    A sentence that was changed a little keeps its translation, marked as fuzzy.
    """
    catalog = read(language)
    catalog.update(template, update_header_comment=False)
    for message in catalog:
        # Nothing was translated yet that could need a second look.
        if not any(texts(message.string)):
            message.flags.discard("fuzzy")
    return catalog


class _Compiled(Catalog):
    """A catalogue without the headers that change at every run."""

    def _kept(self) -> list[tuple[str, str]]:
        kept = ("Language", "Plural-Forms", "Content-Type")
        return [header for header in super().mime_headers if header[0] in kept]

    mime_headers = property(_kept, Catalog.mime_headers.fset)


def compiled(catalog: Catalog) -> bytes:
    """Return the catalogue as gettext reads it, without what is fuzzy or incomplete."""
    done = _Compiled(catalog.locale)
    done.mime_headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Plural-Forms", catalog.plural_forms),
    ]
    for message in catalog:
        if message.id and not message.fuzzy and all(texts(message.string)):
            done.add(message.id, message.string, context=message.context)
    file = BytesIO()
    write_mo(file, done)
    return file.getvalue()


def problems(catalog: Catalog) -> Iterator[str]:
    """Check every translation of a catalogue, and yield what is wrong with it."""
    for message in catalog:
        if not message.id:
            continue
        source, forms = texts(message.id), texts(message.string)
        for what in _problems_of(message, forms, forms_wanted=catalog.num_plurals):
            yield f"{source[0]!r}: {what}"


def texts(text: object) -> list[str]:
    """Return the forms of a message: one, or its plural forms."""
    if not text:
        return [""]
    return [text] if isinstance(text, str) else list(text)  # type: ignore[call-overload]


def _problems_of(
    message: Message, forms: list[str], *, forms_wanted: int
) -> Iterator[str]:
    source = texts(message.id)
    wanted = forms_wanted if message.pluralizable else 1
    if message.fuzzy:
        yield "fuzzy: the English has changed; check it and remove the mark"
    if not all(forms):
        yield "not translated"
        return
    if len(forms) != wanted:
        yield f"{len(forms)} plural forms; the language has {wanted}"
    for text in forms:
        yield from _problems_of_text(text, source)


def _problems_of_text(text: str, source: list[str]) -> Iterator[str]:
    allowed = {name for each in source for name in _PLACEHOLDER.findall(each)}
    # The form for one may do without the number: "one token".
    needed = set.intersection(*(set(_PLACEHOLDER.findall(each)) for each in source))
    optional = {"%(n)s"} if len(source) > 1 else set()
    placeholders = set(_PLACEHOLDER.findall(text))
    if placeholders - allowed or (needed - optional) - placeholders:
        listed = ", ".join(sorted(allowed)) or "no placeholder"
        yield f"{text!r} needs {listed}, written the same"
    elif allowed and "%" in _PLACEHOLDER.sub("", text).replace("%%", ""):
        yield f"{text!r} has a % that is no placeholder"
    if _has_html(text) and not _has_html(source[0]):
        yield f"{text!r} has HTML, which is shown as it is written"
    if _edges(text) != _edges(source[0]):
        yield f"{text!r} begins or ends with other space than the English"
    if "\n" in text:
        yield f"{text!r} has a line break"


def _edges(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


class _Tags(HTMLParser):
    """Finds tags and references to characters."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note the tag."""
        self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note the tag."""
        self.found.append(tag)

    def handle_entityref(self, name: str) -> None:
        """Note the reference."""
        self.found.append(name)

    def handle_charref(self, name: str) -> None:
        """Note the reference."""
        self.found.append(name)


def _has_html(text: str) -> bool:
    parser = _Tags()
    parser.feed(text)
    parser.close()
    return bool(parser.found)


def update_all(languages: Iterable[str]) -> None:
    """Write the template, and the catalogues of *languages*, compiled too."""
    FOLDER.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(written(extracted()))
    with TEMPLATE.open("rb") as file:
        template = read_po(file)
    for language in languages:
        catalog = updated(language, template)
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(catalog))
        path.with_suffix(".mo").write_bytes(compiled(read(language)))


def main(languages: list[str]) -> int:
    """Update and check the catalogues of *languages*, by default of all.

    :returns: the exit code.
    """
    unknown = set(languages) - set(LANGUAGES)
    if unknown:
        sys.stderr.write(f"No such catalogue: {', '.join(sorted(unknown))}\n")
        return 2
    chosen = languages or LANGUAGES
    update_all(chosen)
    code = 0
    for language in chosen:
        catalog = read(language)
        found = list(problems(catalog))
        code = code or int(bool(found))
        sys.stdout.write(f"{language}: {len(catalog)} sentences, ")
        sys.stdout.write(f"{len(found)} problems\n" if found else "complete\n")
        for problem in found[:20]:
            sys.stdout.write(f"  {problem}\n")
        if len(found) > 20:
            sys.stdout.write(f"  and {len(found) - 20} more\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
