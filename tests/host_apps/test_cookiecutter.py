"""A host in the shape of cookiecutter-flask: its navigation holds a log-in form."""

from __future__ import annotations

from flask import Flask
from flask_wtf import FlaskForm
from jinja2 import DictLoader
from wtforms import PasswordField
from wtforms import StringField

from tests import hosts
from tests.conftest import MakeApp
from tests.pages import one
from tests.pages import soup
from tests.pages import visitor

LAYOUT = """<!doctype html><html lang="en"><head>
<title>{% block page_title %}cookie{% endblock %}</title>
{% block css %}{% endblock %}</head><body class="{% block body_class %}{% endblock %}">
{% block body %}
{% with form=form %}{% include "nav.html" %}{% endwith %}
<header>{% block header %}{% endblock %}</header>
<main role="main">{% block content %}{% endblock %}</main>
{% include "footer.html" %}
{% block js %}{% endblock %}
{% endblock %}</body></html>"""
NAV = """<nav>
{% if current_user and current_user.is_authenticated %}
<p class="navbar-text">Logged in as {{ current_user.email }}</p>
{% else %}
<form id="loginForm" method="POST" action="/">{{ form.hidden_tag() }}
{{ form.username(placeholder="Username") }}{{ form.password() }}</form>
{% endif %}
<ul>{% for page, label in links.items() %}<li>{{ label }}</li>{% endfor %}</ul></nav>"""
#: what a host looks up by name and answers in each page
FOOTER = "<footer>{{ settings.company }}, {{ owner }}: {{ list|length }}</footer>"


class LoginForm(FlaskForm):
    """The form of the navigation."""

    username = StringField("Username")
    password = PasswordField("Password")


def cookiecutter(make_app: MakeApp) -> Flask:
    """Return the host."""
    app = make_app(
        APITOKENS_BASE_TEMPLATE="layout.html",
        APITOKENS_BLOCKS={"title": "page_title", "styles": "css", "scripts": "js"}
        | {"content": "content"},
    )
    app.jinja_loader = DictLoader(
        {"layout.html": LAYOUT, "nav.html": NAV, "footer.html": FOOTER}
    )
    app.context_processor(
        lambda: {
            "form": LoginForm(),  # type: ignore[no-untyped-call]
            "links": {"home": "Home"},
            "settings": {"company": "Acme"},
            "owner": "Ada",
            "list": ["Paris", "Rome"],
        }
    )
    return app


def test_navigation_and_footer_keep_their_names(make_app: MakeApp) -> None:
    app = cookiecutter(make_app)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    ada = ada.without_script()
    for path in ("", "new", "0" * 12):
        page = ada.get(path)
        assert "Logged in as ada@example.com" in one(page, "body > nav").get_text()
        assert one(page, "footer").get_text() == "Acme, Ada: 2"
        assert one(page, "head title").get_text(strip=True) != "cookie"
    shown = soup(ada.generate(service="tmy", scope="read"))
    assert shown.select("footer")
    assert shown.select("#at-secret")
