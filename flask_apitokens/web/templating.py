"""The shipped templates, and the functions that templates call.

An application overrides a template by a file of the same name in its own folder. A name
with ``!`` in front still reaches the shipped one. ``apitokens/base.html`` is generated
here: it puts the blocks of our pages into the blocks of the application's layout.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

from flask import Flask
from flask import current_app
from flask import url_for
from jinja2 import BaseLoader
from jinja2 import Environment
from jinja2 import FileSystemLoader
from jinja2 import TemplateNotFound
from jinja2 import nodes
from jinja2.defaults import BLOCK_END_STRING
from jinja2.defaults import BLOCK_START_STRING
from jinja2.defaults import COMMENT_END_STRING
from jinja2.defaults import COMMENT_START_STRING
from jinja2.defaults import VARIABLE_END_STRING
from jinja2.defaults import VARIABLE_START_STRING
from markupsafe import Markup
from markupsafe import escape

from flask_apitokens.config import BLOCKS
from flask_apitokens.config import Settings
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.i18n import gettext
from flask_apitokens.i18n import language
from flask_apitokens.i18n import ngettext
from flask_apitokens.i18n import number
from flask_apitokens.i18n import plural_forms
from flask_apitokens.state import KEY

log = logging.getLogger("flask_apitokens")

BASE = "apitokens/base.html"
BUILT_IN = "apitokens/layout.html"
_PACKAGE = Path(__file__).parents[1]
STATIC = _PACKAGE / "static"
#: the delimiters that our templates are written with, by the attributes that have them
_DELIMITERS = {
    "block_start_string": BLOCK_START_STRING,
    "block_end_string": BLOCK_END_STRING,
    "variable_start_string": VARIABLE_START_STRING,
    "variable_end_string": VARIABLE_END_STRING,
    "comment_start_string": COMMENT_START_STRING,
    "comment_end_string": COMMENT_END_STRING,
}
_JINJA = Environment(autoescape=True)
#: our copy of htmx, for pages that do not load it
HTMX = "vendor/htmx.org@2.0.11/htmx.min.js"


class ShippedTemplates(BaseLoader):
    """Loads our templates, by their names and by their names with ``!`` in front.

    :param settings: have the application's layout and its blocks.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = FileSystemLoader(_PACKAGE / "templates")
        self._settings = settings

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return the source of *template*, its file and a check that it is current."""
        name = template.removeprefix("!")
        if name == BASE:
            source = _base_source(environment, self._settings)
            return _with_delimiters(environment, source), None, None
        source, file, is_current = self._folder.get_source(environment, name)
        return _with_delimiters(environment, source), file, is_current

    def list_templates(self) -> list[str]:
        """Return the names of all templates, without ``!``."""
        return sorted({BASE, *self._folder.list_templates()})


def _with_delimiters(environment: Environment, source: str) -> str:
    """Return a template of ours in the delimiters of the application's templates.

    Applications change them for the sake of a library in the browser that uses the
    same, such as Vue.
    """
    delimiters = {
        ours: getattr(environment, name) for name, ours in _DELIMITERS.items()
    }
    if all(ours == theirs for ours, theirs in delimiters.items()):
        return source
    written = []
    for _line, kind, text in _JINJA.lex(source):
        # A sign for white space may stand beside the delimiter.
        ours = text.strip("-+").strip() if kind.endswith(("_begin", "_end")) else ""
        written.append(text.replace(ours, delimiters[ours]) if ours else text)
    return "".join(written)


def _base_source(environment: Environment, settings: Settings) -> str:
    layout = settings.base_template or BUILT_IN
    names = settings.blocks if settings.base_template else {n: n for n in BLOCKS}
    there = _blocks_of(environment, layout)
    if there is not None and names["content"] not in there:
        raise ConfigurationError(
            f"APITOKENS_BASE_TEMPLATE is {layout!r}, which has no block "
            f"{names['content']!r} for our pages; it has {_listed(there)}: name the "
            'right one with APITOKENS_BLOCKS = {"content": "…"}'
        )
    lines = [f'{{% extends "{layout}" %}}']
    for theirs, ours in _places(names, there).items():
        kept = "" if {"content", "title"} & set(ours) else "{{ super() }}"
        inner = "".join(
            f"{{% block apitokens_{name} %}}{{% endblock %}}" for name in ours
        )
        lines.append(f"{{% block {theirs} %}}{kept}{inner}{{% endblock %}}")
    return "\n".join(lines)


def _places(names: Mapping[str, str], there: set[str] | None) -> dict[str, list[str]]:
    """Return the blocks of the layout, each with the blocks of ours that go into it.

    If the layout has no block for styles or scripts, they go into the content block:
    browsers accept links and scripts there too.
    """
    places: dict[str, list[str]] = {}
    for ours in BLOCKS:
        theirs = names.get(ours)
        if theirs is None or (there is not None and theirs not in there):
            theirs = None if ours == "title" else names["content"]
        if theirs is not None:
            places.setdefault(theirs, []).append(ours)
    return places


def _blocks_of(environment: Environment, name: str) -> set[str] | None:
    """Return the blocks of a template and of the templates that it extends.

    None if a parent is an expression, which is known only when a page is rendered.

    :raises ConfigurationError: if the template does not exist.
    """
    loader = cast("BaseLoader", environment.loader)
    try:
        source, _file, _fresh = loader.get_source(environment, name)
    except TemplateNotFound:
        raise ConfigurationError(
            f"there is no template {name!r}, which APITOKENS_BASE_TEMPLATE or one of "
            "its parents names; it belongs in the templates folder of the application"
        ) from None
    tree = environment.parse(source, name)
    blocks = {block.name for block in tree.find_all(nodes.Block)}
    parent = tree.find(nodes.Extends)
    if parent is None:
        return blocks
    if not isinstance(parent.template, nodes.Const):
        return None
    inherited = _blocks_of(environment, parent.template.value)
    return None if inherited is None else blocks | inherited


def has_login(app: Flask) -> bool:
    """Whether *app* uses Flask-Login, which the pages need."""
    return getattr(app, "login_manager", None) is not None


def warn_of_pages(app: Flask) -> None:
    """Log, at the first request, what keeps our pages from being shown."""
    settings: Settings = app.extensions[KEY].settings
    if not settings.pages:
        return
    if not has_login(app):
        log.warning(
            "this application does not use Flask-Login, so flask_apitokens leaves its "
            "pages out; APITOKENS_PAGES = False says that this is meant"
        )
        return
    try:
        _base_source(app.jinja_env, settings)
    except Exception as error:  # the request itself may need no page of ours
        log.warning("no page of flask_apitokens can be shown: %s", error)


def _listed(blocks: set[str]) -> str:
    return ", ".join(sorted(blocks)) or "none"


# -- what templates can call ---------------------------------------------------


@cache
def static_version() -> str:
    """Return a digest of our static files: if one changes, all get new addresses."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def static_url(filename: str) -> str:
    """Return the address of one of our static files."""
    return url_for("apitokens.static", version=static_version(), filename=filename)


def _htmx_mode() -> str:
    mode: str = current_app.extensions[KEY].settings.htmx
    return mode


def _fill(text: str, **parts: str) -> Markup:
    """Return a translated text with HTML in the places of ``{name}``."""
    html = escape(text)
    for name, part in parts.items():
        html = html.replace(f"{{{name}}}", escape(part))
    return html


def install_globals(app: Flask, **more: Callable[..., object]) -> None:
    """Add the functions that our templates call to the templates of *app*.

    :param more: further functions by their names.
    """
    app.jinja_env.globals.update(
        at_=gettext,
        at_n_=ngettext,
        at_fill=_fill,
        at_htmx=_htmx_mode,
        at_htmx_url=lambda: static_url(HTMX),
        at_language=language,
        at_plurals=plural_forms,
        at_number=number,
        at_static=static_url,
        **more,
    )
