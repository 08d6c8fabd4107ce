"""A layout of the application keeps every name that it uses, and ours keep theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from flask import Flask
from flask import template_rendered
from jinja2 import DictLoader
from jinja2 import nodes
from werkzeug.test import TestResponse

from flask_apitokens.web import templating
from tests import administration
from tests import answers
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import soup
from tests.pages import visitor

FOLDER = Path(templating.__file__).parents[1] / "templates" / "apitokens"
#: what our templates read besides: ours, Flask's, Jinja's, and what a layout may set
KNOWN = re.compile(
    r"apitokens\w*|at_\w*|title|url_for|request|csp_nonce|caller|loop|super|self|slot"
)
LAYOUT = """<!doctype html><html lang="en"><head><title>{{{{ title }}}}</title></head>
<body><header>{shown}</header>{taken}<main>{{% block body %}}{{% endblock %}}</main>
</body></html>"""


class Foreign:
    """A value of the application. It may be printed, and nothing else."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __html__(self) -> str:
        return f"(host {self.name})"

    def _read(self, *_given: Any) -> Any:
        raise AssertionError(f"our templates read the application's {self.name!r}")

    __bool__ = __iter__ = __len__ = __call__ = __getitem__ = __str__ = _read


def bare_names(app: Flask) -> set[str]:
    """Return each name that a template of ours reads or sets."""
    found: set[str] = set()
    for path in FOLDER.rglob("*.html"):
        tree = app.jinja_env.parse(path.read_text("utf-8"))
        found |= {node.name for node in tree.find_all(nodes.Name)}
        found |= {node.target for node in tree.find_all(nodes.Import)}
        for node in tree.find_all(nodes.Getattr):
            if isinstance(node.node, nodes.Name) and node.node.name == "apitokens":
                found.add(node.attr)
    return {name for name in found if not KNOWN.fullmatch(name)}


def with_layout(app: Flask) -> list[str]:
    """Give *app* a layout that prints each such name, then sets it for itself."""
    names = sorted(bare_names(app))
    shown = "".join(f"<i>{{{{ {name} }}}}</i>" for name in names)
    taken = "".join(f"{{% set {name} = taken('{name}') %}}" for name in names)
    layout = LAYOUT.format(shown=shown, taken=taken)
    app.jinja_loader = DictLoader({"base.html": layout})
    app.jinja_env.globals["taken"] = Foreign
    values = {name: Foreign(name) for name in names}
    app.context_processor(lambda: values)
    return names


CONFIG: dict[str, Any] = {
    "APITOKENS_BASE_TEMPLATE": "base.html",
    "APITOKENS_BLOCKS": {"content": "body"},
}


def assert_kept(names: list[str], every: list[TestResponse]) -> None:
    """Check that the layout has printed its own values, and our part none of them."""
    pages = [response for response in every if "<header>" in response.text]
    assert pages
    for response in pages:
        document = soup(response)
        header = document.select_one("header")
        assert header is not None
        shown = [element.get_text() for element in header.select("i")]
        assert shown == [f"(host {name})" for name in names]
        header.extract()
        assert "(host " not in str(document)
        title = document.select_one("title")
        heading = document.select_one("h1, h2")
        assert title is not None
        assert heading is not None
        assert title.get_text(strip=True)
    for response in every:
        if response not in pages:
            assert "(host " not in BeautifulSoup(response.text, "html.parser").text


def test_names_of_the_layout_are_found(app: Flask) -> None:
    names = bare_names(app)
    assert {"settings", "form", "history", "list", "owner", "ui", "wire"} <= names
    assert {"frame", "csrf", "row", "events", "retention", "earlier"} <= names


def test_every_page_keeps_the_names_of_its_layout(make_app: MakeApp) -> None:
    rendered: set[str] = set()
    given: set[str] = set()

    def note(_app: Flask, template: Any, context: dict[str, Any], **_more: Any) -> None:
        name = template.name or ""
        if name.startswith("apitokens/") and "/partials/" not in name:
            rendered.add(name)
            given.update(context.keys() - values)

    users = make_app(APITOKENS_MAX_PER_OWNER=None, **CONFIG)
    values = set(with_layout(users))
    with template_rendered.connected_to(note):
        ada = answers.member(users)
        assert_kept(sorted(values), answers.every_answer(ada))
        for app, every in (
            (administration.administered(make_app, **CONFIG), _administrators_pages),
            (make_app(plugin=hosts.accounts(), **CONFIG), _pages_of_access),
            (make_app(APITOKENS_MAX_PER_OWNER=1, **CONFIG), _pages_of_one_token),
        ):
            assert_kept(with_layout(app), every(app))
    pages = {path.relative_to(FOLDER.parent).as_posix() for path in _pages()}
    assert rendered == pages
    of_flask = {"g", "request", "session", "current_user"}
    assert given - of_flask == {"apitokens", "title"}


def _pages() -> list[Path]:
    """Return the templates that answer by themselves."""
    inner = {"page.html", "layout.html", "_macros.html", "_wiring.html"}
    found = [*FOLDER.glob("*.html"), *FOLDER.glob("admin/*.html")]
    return [path for path in found if path.name not in inner]


def _administrators_pages(app: Flask) -> list[TestResponse]:
    every = answers.every_admin_answer(app)
    boss = administration.administrator(app, "head").without_script()
    for path in ("usage", "services/tmy/usage", "audit", "requests", "gone", "tokens"):
        every.append(boss.get(path))
    return every


def _pages_of_access(app: Flask) -> list[TestResponse]:
    return answers.every_answer_about_access(app)


def _pages_of_one_token(app: Flask) -> list[TestResponse]:
    user = hosts.create_user(app, "only@example.com")
    ada: Visitor = visitor(app, user, "tmy").without_script()
    every = [ada.get(), ada.get("new")]
    add_token(app, user, service="tmy", scopes=["read"])
    question = ada.get("replace")
    every += [question, ada.post("replace", **hidden_fields(question.text))]
    return [*every, ada.get()]
