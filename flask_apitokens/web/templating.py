"""Where our templates come from, and what they can call.

A host overrides one by a file of the same name in its own folder; ``!`` in front of a
name reaches the shipped one nevertheless. ``apitokens/base.html`` is made here: it puts
the blocks of our pages into those of the host's layout.
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

from flask_apitokens.config import BLOCKS
from flask_apitokens.config import Settings
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.i18n import gettext
from flask_apitokens.i18n import ngettext
from flask_apitokens.state import KEY

log = logging.getLogger("flask_apitokens")

BASE = "apitokens/base.html"
BUILT_IN = "apitokens/layout.html"
_PACKAGE = Path(__file__).parents[1]
STATIC = _PACKAGE / "static"
#: our copy, for pages that bring none
HTMX = "vendor/htmx.org@2.0.11/htmx.min.js"


class ShippedTemplates(BaseLoader):
    """Loads our templates, by their names and by those with ``!`` in front.

    :param settings: name the host's layout and its blocks.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = FileSystemLoader(_PACKAGE / "templates")
        self._settings = settings

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The source of *template*, its file and whether it is still up to date."""
        name = template.removeprefix("!")
        if name == BASE:
            return _base_source(environment, self._settings), None, None
        return self._folder.get_source(environment, name)

    def list_templates(self) -> list[str]:
        """The names without ``!``."""
        return sorted({BASE, *self._folder.list_templates()})


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
    """The host's blocks and which of ours stand in them.

    A layout without a place for styles or scripts gets them beside the content: links
    and scripts work there too.
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
    """The blocks of a template and its parents; none if a parent is known only later.

    :raises ConfigurationError: if there is no such template.
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


def warn_of_layout(app: Flask) -> None:
    """Say at the first request, whatever it is for, that no page can be shown."""
    settings: Settings = app.extensions[KEY].settings
    try:
        _base_source(app.jinja_env, settings)
    except Exception as error:  # whatever it is: this request has no part in it
        log.warning("no page of flask_apitokens can be shown: %s", error)


def _listed(blocks: set[str]) -> str:
    return ", ".join(sorted(blocks)) or "none"


# -- what templates can call ---------------------------------------------------


@cache
def static_version() -> str:
    """A digest of our static files: where one changes, all get new addresses."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def static_url(filename: str) -> str:
    """The address of one of our static files."""
    return url_for("apitokens.static", version=static_version(), filename=filename)


def _htmx_mode() -> str:
    mode: str = current_app.extensions[KEY].settings.htmx
    return mode


def _language() -> tuple[str, str]:
    """The language of the page and the direction it is written in."""
    if "babel" not in current_app.extensions:
        return "en", "ltr"
    from flask_babel import get_locale

    locale = get_locale()
    if locale is None:
        return "en", "ltr"
    return str(locale).replace("_", "-"), locale.text_direction


def is_rtl() -> bool:
    """Whether the page is read from the right to the left."""
    return _language()[1] == "rtl"


def install_globals(app: Flask, **more: Callable[..., object]) -> None:
    """Let the templates of *app* call what ours need.

    :param more: further functions and their names.
    """
    app.jinja_env.globals.update(
        at_=gettext,
        at_n_=ngettext,
        at_htmx=_htmx_mode,
        at_htmx_url=lambda: static_url(HTMX),
        at_language=_language,
        at_static=static_url,
        **more,
    )
