"""A small site of plain HTML that speaks the script's contract: no plugin behind it.

So a test of the scripts says what they do with given markup, in each htmx.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask import Response
from flask import redirect
from flask import request
from flask import send_file
from playwright.sync_api import Page
from playwright.sync_api import expect

import flask_apitokens
from tests.browser.htmx import HOST_COPIES

STATIC = Path(flask_apitokens.__file__).parent / "static"
BUNDLED = "2.0.11"
VERSIONS = ("1.9.12", BUNDLED, "4.0.1")
DIALOG = "#at-dialog"
LIST = "#at-list"
READY = "[data-apitokens-ready]"
TOKEN = "apt_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef31PE6C"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
    " frame-ancestors 'none'"
)
META = """<meta name="htmx-config" content='{"includeIndicatorStyles":false,
"includeIndicatorCSS":false,"allowEval":false,"historyCacheSize":0}'>"""


def swap(target: str) -> str:
    """The attributes of every htmx control."""
    return (
        f'hx-target="{target}" hx-swap="innerHTML"'
        ' hx-status:40x="swap:innerHTML" hx-status:42x="swap:innerHTML"'
    )


def link(label: str, address: str, target: str, more: str = "") -> str:
    """A link that htmx takes over."""
    return f'<a href="{address}" hx-get="{address}" {swap(target)} {more}>{label}</a>'


def form(address: str, target: str, body: str, more: str = "") -> str:
    """A form that htmx takes over."""
    return (
        f'<form method="post" action="{address}" hx-post="{address}" {swap(target)}'
        f' hx-sync="this:drop" novalidate {more}>{body}</form>'
    )


def toast(strong: str, text: str = "", attrs: str = "") -> str:
    """A toast."""
    return (
        f'<div class="at-toast" {attrs}><div><strong data-apitokens-text>{strong}'
        f"</strong>{text}</div><button type=button data-apitokens-dismiss>Dismiss"
        "</button></div>"
    )


def dialog(title: str, body: str, attrs: str = "") -> str:
    """A dialog, to be opened when it arrives."""
    return (
        f'<dialog class="at-dialog" data-apitokens-open aria-labelledby="at-dlg-t"'
        f' {attrs}><h2 id="at-dlg-t" tabindex="-1">{title}</h2>{body}</dialog>'
    )


def oob(panel: str, body: str) -> str:
    """A second panel in the same answer."""
    return f'<div id="{panel}" hx-swap-oob="innerHTML">{body}</div>'


CLOSE = '<a href="/" data-apitokens-close>Cancel</a>'
DONE = '<div id="at-foot"><button type=button data-apitokens-done>Stored</button></div>'
COPY_ID = (
    "<code>tok_1</code><button type=button data-apitokens-copy=tok_1"
    ' data-apitokens-said="ID copied" data-apitokens-refused="ID selected"'
    ' aria-label="Copy ID"></button>'
)
COPY = (
    '<button type=button data-apitokens-copy-from="at-secret"'
    ' data-apitokens-said="Token copied" {}><span>Copy token</span></button>'
)
GUARD = (
    "<template data-apitokens-guard><p id=at-once role=alert>Not copied yet.</p>"
    "<div id=at-foot><button type=button data-apitokens-close>Close anyway</button>"
    + COPY.format("data-apitokens-focus")
    + "</div></template>"
)
REVEAL = dialog(
    "Token generated",
    '<p role="status" data-apitokens-say></p><p id=at-once>Shown only once.</p>'
    f'<code id="at-secret" tabindex="0" role="textbox" aria-readonly="true">{TOKEN}'
    f"</code>{COPY.format('')}<a data-apitokens-stored download=t.txt"
    f' data-apitokens-said="Download started" href="data:text/plain,{TOKEN}">Download'
    f"</a>{COPY_ID}{DONE}{GUARD}",
    'data-apitokens-secret closedby="none" data-apitokens-toast="Token “x” generated"',
)
SPARES = "".join(
    (
        f"<template data-apitokens-toast-template>{toast('')}</template>",
        "<template data-apitokens-offline>",
        toast("Could not reach the server", attrs="data-apitokens-stay"),
        "</template><template data-apitokens-offline-sent>",
        toast("Could not reach the server", " Saved?", "data-apitokens-stay"),
        "</template><template data-apitokens-failed>",
        toast("Something went wrong", attrs="data-apitokens-stay"),
        "</template><template data-apitokens-failed-sent>",
        toast("Something went wrong", " Saved?", "data-apitokens-stay"),
        "</template><template data-apitokens-blocked>",
        toast("Copying was blocked", " Token selected", "data-apitokens-stay"),
        "</template><template data-apitokens-signed-out>",
        dialog(
            "You have been signed out",
            "<button type=button data-apitokens-close>Stay</button>"
            '<a href="/login" autofocus>Sign in</a>',
            'role="alertdialog"',
        ),
        "</template>",
    )
)


def rows(head: str = "", count: int = 2) -> str:
    """The list."""
    lines = "".join(
        f"<p id=at-row-{n}><label><input type=checkbox form=at-bulk name=id value={n}"
        f" data-apitokens-select>Token {n}</label> {link('Rename', '/rename', LIST)}"
        f" {link('Revoke', '/revoke', DIALOG)}</p>"
        for n in range(1, count + 1)
    )
    every = (
        '<label class="at-script"><input type=checkbox data-apitokens-select-all>'
        "All</label>"
    )
    button = (
        '<button type=submit><span lang="en" data-apitokens-selected='
        """'{"one": "Revoke {n} selected", "other": "Revoke {n} selected"}'>"""
        "Revoke selected</span></button>"
    )
    return f"{head}{every}{lines}<form id=at-bulk method=post>{button}</form>"


def generate_dialog(problem: str = "", kind: str = "api") -> str:
    """The generate dialog, with or without an error summary."""
    summary = '<div id="at-errsum" tabindex="-1">Fix 1 thing</div>' if problem else ""
    kinds = "".join(
        f"<label><input type=radio name=kind value={value}"
        f"{' checked' if value == kind else ''}>{value} token</label>"
        for value in ("api", "access")
    )
    focus = "" if problem else "autofocus"
    expiry = "".join(
        f"<label class=at-pill><input type=radio name=expiry value={value}"
        f"{' checked' if value == '30' else ''}>{value}</label>"
        for value in ("30", "custom", "never")
    )
    body = (
        f"{summary}{kinds}<label>Name <input id=at-field-name name=name {focus}>"
        "</label>"
        f"<fieldset id=at-expiry>{expiry}<div class=at-date><label>Expiry date"
        " <input type=date id=at-field-date name=expiry_date></label></div></fieldset>"
        f"{CLOSE}<button>Generate token</button>"
    )
    return dialog("Generate new token", form("/new", DIALOG, body))


def page(head: str, script: str, main: str = "") -> str:
    """The page around everything."""
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>Site</title><link rel="stylesheet" href="/static/apitokens.css">
{head}{script}</head><body><main>
<div class="at" data-apitokens data-apitokens-copied="Copied" hx-history="false">
<h1 id="at-title" tabindex="-1">API tokens</h1><p>Account {COPY_ID}</p>
{link("Generate new token", "/new", DIALOG, "id=at-generate")}
{link("Gone", "/gone", DIALOG)} {link("Next", "/list?page=2", LIST)}
{link("Rebound", "/rebound", LIST)} {link("Signed out", "/denied", LIST)}
{link("Log-in page", "/log-in-here", LIST)} {link("Crash", "/crash", LIST)}
<form role="search" action="/list" hx-get="/list" {swap(LIST)}
  hx-trigger="submit, change, input delay:50ms" hx-sync="this:replace">
<label>Search <input type="search" name="q" id="at-filter-q"></label></form>
<div id="at-list">{main or rows()}</div><div id="at-dialog"></div>
<div id="at-toasts" class="at-toasts" role="status"></div>
<p class="at-vh" role="status" data-apitokens-status></p>{SPARES}</div>
</main></body></html>"""


def create_site(
    htmx: str = BUNDLED, mode: str = "auto", *, policy: str = POLICY, main: str = ""
) -> Flask:
    """The site, with a copy of htmx of its own unless that is the bundled one.

    :param htmx: version of the copy of htmx the host brings; the bundled one: none.
    :param mode: what the setting says about htmx.
    """
    site = Flask(__name__, static_folder=None)

    @site.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        return response

    @site.get("/static/<path:name>")
    def static(name: str) -> Response:
        return send_file(STATIC / name)

    @site.get("/htmx/<version>.js")
    def host_copy(version: str) -> Response:
        return send_file(HOST_COPIES[version])

    @site.get("/")
    def index() -> str:
        script = (
            '<script src="/static/apitokens.js" defer nonce="abc"></script>'
            f'<script src="/static/apitokens-requests.js" data-apitokens-htmx="{mode}"'
            f' data-apitokens-htmx-src="/static/vendor/htmx.org@{BUNDLED}/htmx.min.js"'
            ' defer nonce="abc"></script>'
        )
        head = (
            f'{META}<script src="/htmx/{htmx}.js" defer></script>'
            if htmx in HOST_COPIES
            else ""
        )
        return page(head, script, main)

    add_fragments(site)
    return site


def answer(body: str, status: int = 200, **headers: str) -> Response:
    """A fragment of ours."""
    response = Response(body, status)
    response.headers["Apitokens-Fragment"] = "1"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def add_fragments(site: Flask) -> None:
    """What the controls of the page get."""

    @site.get("/new")
    def new() -> Response:
        return answer(generate_dialog())

    @site.post("/new")
    def create() -> Response:
        if not request.form["name"]:
            return answer(generate_dialog("no name"), 422)
        fresh = rows('<p data-apitokens-announce="3 tokens">new</p>', 3)
        return answer(REVEAL + oob("at-list", fresh), 201)

    @site.get("/revoke")
    def ask() -> Response:
        keep = '<a href="/" data-apitokens-close autofocus>Keep token</a>'
        revoke = form("/revoke", DIALOG, f"{keep}<button>Revoke token</button>")
        return answer(dialog("Revoke?", revoke, "role=alertdialog"))

    @site.post("/revoke")
    def revoke() -> Response:
        panels = oob("at-list", rows()) + oob("at-toasts", toast("Token revoked"))
        return answer("<p hidden></p>" + panels)

    @site.get("/list")
    def listing() -> Response:
        if request.args.get("page"):
            return answer(rows("<h3 tabindex=-1 data-apitokens-focus>Page 2</h3>"))
        found = f"3 found for {request.args.get('q')}"
        return answer(rows(f'<p data-apitokens-announce="{found}">{found}</p>'))

    @site.get("/rename")
    def rename() -> Response:
        field = "<input id=at-rename name=name value='Old name' autofocus>"
        cancel = link("Cancel", "/list", LIST, "data-apitokens-cancel")
        return answer(rows(form("/rename", LIST, field + cancel)))

    @site.get("/gone")
    def gone() -> Response:
        note = toast("This token no longer exists", attrs="data-apitokens-stay")
        return answer(note, 404, HX_Retarget="#at-toasts")

    site.add_url_rule("/gone", "gone_post", gone, methods=["POST"])
    add_strangers(site)


def add_strangers(site: Flask) -> None:
    """Add answers of other applications, which must never be swapped into a panel."""
    site.add_url_rule("/favicon.ico", view_func=lambda: ("", 204), endpoint="icon")
    site.add_url_rule("/rebound", view_func=lambda: redirect("/login"), endpoint="re")
    site.add_url_rule("/login", view_func=lambda: "<h1>Log in</h1>", endpoint="login")
    site.add_url_rule("/log-in-here", view_func=lambda: "<h1>Log in</h1>", endpoint="h")
    site.add_url_rule(
        "/denied", view_func=lambda: ("<h1>No</h1>", 401), endpoint="denied"
    )
    site.add_url_rule(
        "/crash", view_func=lambda: ("<h1>Traceback</h1>", 500), endpoint="crash"
    )


def visit(page: Page, address: str) -> Page:
    """Open the site and wait until its links are htmx's."""
    page.goto(address)
    expect(page.locator(READY)).to_be_attached()
    page.wait_for_function("window.htmx && htmx.version")
    # What the script appends says in its own load event that it is done.
    page.wait_for_function("document.readyState == 'complete'")
    return page


def submit(page: Page, name: str) -> None:
    """Fill in the generate dialog and send it."""
    page.get_by_role("link", name="Generate new token").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Generate token").click()


def generate(page: Page) -> None:
    """Generate a token through the dialog."""
    submit(page, "x")
    expect(page.locator("#at-secret")).to_be_visible()


def ask_to_revoke(page: Page) -> None:
    """Open the confirmation for the first token."""
    page.locator("#at-row-1").get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
