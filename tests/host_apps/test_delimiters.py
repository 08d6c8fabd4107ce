"""A host with Vue, whose Jinja templates have other delimiters."""

from __future__ import annotations

import pytest
from flask import Flask
from jinja2 import DictLoader
from werkzeug.test import TestResponse

from tests import hosts
from tests.conftest import MakeApp
from tests.pages import soup
from tests.pages import visitor

VARIABLES = {"variable_start_string": "[[", "variable_end_string": "]]"}
ALL = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}
LINES = {"line_statement_prefix": "%", "line_comment_prefix": "##"}
LAYOUT = """<% set list = 1 %><title><% block title %><% endblock %></title><nav></nav>
<div id="app">{{ message }}</div><% block content %><% endblock %>"""


@pytest.mark.parametrize(
    "options", [VARIABLES, ALL, LINES], ids=["some", "all", "lines"]
)
def test_pages_are_the_same(make_app: MakeApp, options: dict[str, str]) -> None:
    layout = LAYOUT
    for name in ("block_start_string", "block_end_string"):
        if name not in options:
            layout = layout.replace(ALL[name], {"<%": "{%", "%>": "%}"}[ALL[name]])
    if "variable_start_string" not in options:
        layout = layout.replace("{{ message }}", "")

    def begin(name: str) -> Flask:
        app = Flask(name)
        app.jinja_options = {**app.jinja_options, **options}
        return app

    pages = []
    for app_class, base in ((begin, "vue.html"), (Flask, None)):
        app = make_app(app_class=app_class, APITOKENS_BASE_TEMPLATE=base)
        app.jinja_loader = DictLoader({"vue.html": layout})
        ada = visitor(app, hosts.create_user(app, f"{base}@example.com"), "tmy")
        page = ada.without_script()
        shown = [page.get(), page.get("new"), ada.get("new"), page.get("0" * 12)]
        for browser in (ada, page):
            name = f"by {browser.htmx}"
            shown.append(browser.generate(service="tmy", scope="read", name=name))
        pages.append([_of_ours(answer) for answer in shown])
    assert pages[0] == pages[1]


def _of_ours(answer: TestResponse) -> list[str]:
    """Return the elements and the words of our part of a page."""
    for delimiter in ("{%", "%}", "{#", "#}", *ALL.values()):
        assert delimiter not in answer.text
    document = soup(answer)
    ours = document.select_one("[data-apitokens]") or document
    assert "{{" not in str(ours)
    # What is told of the present minute may differ in the next one.
    for once in ours.select("#at-secret, code, time, .at-meta"):
        once.clear()
    tags = [f"{each.name} {each.get('class')}" for each in ours.find_all(True)]
    return [*tags, *ours.get_text(" ").split()]
