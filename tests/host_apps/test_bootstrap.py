"""A host with Bootstrap: other names of blocks, and no block for the title."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from jinja2 import ChoiceLoader
from jinja2 import DictLoader
from jinja2 import FileSystemLoader

from tests import hosts
from tests.conftest import MakeApp
from tests.pages import one
from tests.pages import soup
from tests.pages import visitor

GALLERY = Path(__file__).parents[2] / "templates" / "bootstrap5"
LAYOUT = """{% import "ui.html" as ui %}{% set level = "danger" %}
<!doctype html><html lang="en"><head><title>{{ title|default("Start") }} - Acme</title>
{% block head %}<link rel="stylesheet" href="/bootstrap.css">{% endblock %}</head>
<body>{{ ui.navbar(name, history) }}
<div class="alert alert-{{ level }}">{{ text }}</div>
{% block page_content %}{% endblock %}
{% block tail %}<script src="/bootstrap.js"></script>{% endblock %}</body></html>"""
MACROS = """{% macro navbar(brand, trail) %}<nav class="navbar">{{ brand }}
{% for item in trail %}<a href="{{ item }}">{{ item }}</a>{% endfor %}</nav>
{% endmacro %}"""


def bootstrap(make_app: MakeApp) -> Flask:
    """Return the host."""
    blocks = {"content": "page_content", "styles": "head", "scripts": "tail"}
    app = make_app(APITOKENS_BASE_TEMPLATE="site.html", APITOKENS_BLOCKS=blocks)
    app.jinja_loader = ChoiceLoader(
        [
            DictLoader({"site.html": LAYOUT, "ui.html": MACROS}),
            FileSystemLoader(GALLERY),
        ]
    )
    app.context_processor(
        lambda: {"name": "Acme", "history": ["/", "/reports"], "text": "Maintenance"}
    )
    return app


def test_layout_has_its_macros_its_names_and_the_title(make_app: MakeApp) -> None:
    app = bootstrap(make_app)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    ada = ada.without_script()
    titles = {"": "API tokens", "new": "Generate new token", "0" * 12: "This token"}
    for path, title in titles.items():
        page = ada.get(path)
        assert one(page, "head title").get_text().startswith(title)
        assert one(page, "head title").get_text().endswith(" - Acme")
        links = soup(page).select("nav.navbar a")
        assert [link["href"] for link in links] == ["/", "/reports"]
        assert one(page, "body > .alert-danger").get_text() == "Maintenance"
        assert soup(page).select("head link[href='/bootstrap.css']")
