"""The catalogues: every sentence of the code, well-formed in each language."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest
from babel import Locale
from babel.messages import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from scripts import translations
from scripts.translations import LANGUAGES
from scripts.translations import problems

#: the categories of plural forms, in the order of a catalogue's forms
CATEGORIES = ("zero", "one", "two", "few", "many", "other")


def sentences(catalog: Catalog) -> dict[object, list[str]]:
    """Return what translators see: the sentences and the comments about them."""
    return {message.id: message.auto_comments for message in catalog if message.id}


@pytest.fixture(scope="module")
def extracted() -> Catalog:
    """The sentences of the code."""
    return translations.extracted()


def test_template_has_every_sentence_of_the_code(extracted: Catalog) -> None:
    with translations.TEMPLATE.open("rb") as file:
        template = read_po(file)
    assert sentences(template) == sentences(extracted)
    assert len(template) > 500


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_is_complete_and_free_of_mistakes(
    extracted: Catalog, language: str
) -> None:
    catalog = translations.read(language)
    assert list(catalog.obsolete) == []
    assert sentences(catalog) == sentences(extracted)
    assert list(problems(catalog)) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_is_the_one_that_translators_edit(language: str) -> None:
    path = translations.path_of(language)
    with path.with_suffix(".mo").open("rb") as file:
        there = read_mo(file)
    catalog = translations.read(language)
    expected = {
        message.id: message.string
        for message in catalog
        if message.id and all(translations.texts(message.string))
    }
    # Babel reads plural forms as lists, which are no keys.
    found = {as_key(m.id): as_key(m.string) for m in there if m.id}
    assert found == expected


def as_key(text: object) -> object:
    return tuple(text) if isinstance(text, list) else text


@pytest.mark.parametrize("language", LANGUAGES)
def test_plural_forms_are_in_the_order_of_their_categories(language: str) -> None:
    with translations.path_of(language).with_suffix(".mo").open("rb") as file:
        index = gettext.GNUTranslations(file).plural  # type: ignore[attr-defined]
    form = Locale.parse(language).plural_form
    used = sorted({form(n) for n in range(1000)}, key=CATEGORIES.index)
    assert [index(n) for n in range(1000)] == [used.index(form(n)) for n in range(1000)]


def test_every_language_has_a_folder_and_no_other() -> None:
    folders = {path.name for path in translations.FOLDER.iterdir() if path.is_dir()}
    assert folders == set(LANGUAGES)


def catalogue_of(english: object, text: object, *, language: str = "de") -> Catalog:
    catalog = Catalog(language)
    catalog.add(english, text)  # type: ignore[arg-type]
    return catalog


DAYS = ("%(n)s day", "%(n)s days")


@pytest.mark.parametrize(
    ("english", "text"),
    [
        ("Rename", "Umbenennen"),
        ("Hello %(name)s", "Hallo %(name)s"),
        ("{n} selected, %(more)s", "%(more)s, {n} gewählt"),
        ("100%", "100 %"),
        ("A < B & C", "C > A & B"),
        (DAYS, ("ein Tag", "%(n)s Tage")),
    ],
)
def test_good_translation_passes_the_check(english: object, text: object) -> None:
    assert list(problems(catalogue_of(english, text))) == []


@pytest.mark.parametrize(
    ("english", "text", "problem"),
    [
        ("Rename", "", "not translated"),
        (DAYS, ("%(n)s Tag", ""), "not translated"),
        ("Hello %(name)s", "Hallo", "needs %(name)s"),
        ("Hello %(name)s", "Hallo %(Name)s", "needs %(name)s"),
        ("Hello %(name)s", "Hallo %(name)", "needs %(name)s"),
        ("Hello %(name)s", "Hallo %(name)s und %(who)s", "needs %(name)s"),
        ("Hello %(name)s", "Hallo %(name)s, 5 % mehr", "no placeholder"),
        ("{n} selected", "n gewählt", "needs {n}"),
        (DAYS, ("%(m)s Tag", "%(n)s Tage"), "needs %(n)s"),
        ("Rename", "<b>Umbenennen</b>", "has HTML"),
        ("Rename", "Umbenennen&nbsp;", "has HTML"),
        ("Rename", "Umbenennen ", "begins or ends"),
        ("Rename", " Umbenennen", "begins or ends"),
        ("Rename", "Um\nbenennen", "line break"),
    ],
)
def test_mistake_of_a_translation_is_found(
    english: object, text: object, problem: str
) -> None:
    (found,) = problems(catalogue_of(english, text))
    assert problem in found


def test_wrong_number_of_plural_forms_is_found() -> None:
    catalog = catalogue_of(DAYS, ("%(n)s dzień", "%(n)s dni"), language="pl")
    (found,) = problems(catalog)
    assert "2 plural forms; the language has 3" in found


def test_fuzzy_translation_is_found_and_left_out_of_the_compiled_file(
    tmp_path: Path,
) -> None:
    catalog = Catalog("de")
    catalog.add("Rename", "Umbenennen", flags={"fuzzy"})
    catalog.add("Delete", "Löschen")
    (found,) = problems(catalog)
    assert "fuzzy" in found
    path = tmp_path / "apitokens.mo"
    path.write_bytes(translations.compiled(catalog))
    with path.open("rb") as file:
        texts = gettext.GNUTranslations(file)
    assert texts.gettext("Rename") == "Rename"
    assert texts.gettext("Delete") == "Löschen"


def test_changed_sentence_is_fuzzy_only_if_it_was_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translations, "FOLDER", tmp_path)
    old, new = Catalog("de"), Catalog()
    old.add("Select the first token.", "Wähle das erste Token.")
    old.add("Delete the last account.", "")
    new.add("Select the first token!")
    new.add("Delete the last account!")
    path = translations.path_of("de")
    path.parent.mkdir(parents=True)
    path.write_bytes(translations.written(old))
    catalog = translations.updated("de", new)
    fuzzy = {message.id: message.fuzzy for message in catalog if message.id}
    assert fuzzy == {
        "Select the first token!": True,
        "Delete the last account!": False,
    }


def test_file_of_a_catalogue_is_the_same_at_every_run(extracted: Catalog) -> None:
    text = translations.written(extracted).decode()
    assert text == translations.written(extracted).decode()
    assert "Creation-Date" not in text
    assert ".html:" not in text
    german = translations.read("de")
    assert translations.compiled(german) == translations.compiled(german)
