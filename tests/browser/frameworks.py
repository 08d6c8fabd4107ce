"""A host whose stylesheet is that of a CSS framework, and how our pages look in it."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask import Response
from flask import abort
from flask import send_file
from jinja2 import ChoiceLoader
from jinja2 import DictLoader
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
VENDOR = Path(__file__).parent / "vendor"
BOOTSTRAP = ROOT / "example_app/static/vendor/bootstrap@5.3.8"
#: framework → its stylesheet, as its publisher packed or its own command built it
FRAMEWORKS = {
    "bootstrap3": VENDOR / "bootstrap@3.4.1/bootstrap.min.css",
    "bootstrap4": VENDOR / "bootstrap@4.6.2/bootstrap.min.css",
    "bootstrap5": BOOTSTRAP / "bootstrap.min.css",
    "bulma": VENDOR / "bulma@1.0.4/bulma.min.css",
    "foundation": VENDOR / "foundation-sites@6.9.0/foundation.min.css",
    "materialize": VENDOR / "materialize-css@1.0.0/materialize.min.css",
    "pico": VENDOR / "pico@2.1.1/pico.min.css",
    # With @tailwindcss/forms, which draws check boxes and fields of its own.
    "tailwind3": VENDOR / "tailwindcss@3.4.19/tailwind.css",
    "tailwind4": VENDOR / "tailwindcss@4.1.18/tailwind.css",
    "hostile": Path(__file__).parent / "hostile.css",
}
LAYOUT = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{% endblock %}</title>
<link rel="icon" href="{{ url_for('static', filename='icon.svg') }}">
<link rel="stylesheet" id="look" href="/look/none.css">
{% block styles %}{% endblock %}</head>
<body><div id="room">{% block content %}{% endblock %}</div>
{% block scripts %}{% endblock %}</body></html>"""
#: A policy that lets a framework have its icons as `data:` URLs.
POLICY = "default-src 'self'; img-src 'self' data:; font-src 'self' data:"
#: notes how everything of ours looks; from the second time on, says what looks unlike
#: the first time
UNLIKE = """() => {
    const properties = `display position float visibility opacity color
        background-color background-image border-top-width
        border-right-width border-bottom-width border-left-width
        border-top-color border-left-color border-top-left-radius
        margin-top margin-right margin-bottom margin-left padding-top
        padding-right padding-bottom padding-left font-size
        font-weight font-style font-family line-height letter-spacing
        text-transform text-decoration-line text-align text-shadow
        white-space box-shadow transform translate filter
        backdrop-filter clip clip-path appearance cursor
        pointer-events list-style-type vertical-align overflow-x
        overflow-y order flex-grow fill stroke z-index`.split(/\\s+/)
    const root = document.querySelector('[data-apitokens]'), found = {}, counted = {}
    const ours = root.querySelectorAll('*:not(template, template *, option)')
    const look_of = (el, pseudo) => {
        const style = getComputedStyle(el, pseudo), look = {}
        // Inside a drawing there are no boxes.
        const parts = el.matches('svg *') ? ['fill', 'stroke', 'opacity'] : properties
        for (const name of parts) {
            const side = /^border-(top|left)-color/.exec(name)?.[1]
            // What is beside our content is the rest of the room, and its width tells.
            if (el.matches('.at-main') && /^margin-(left|right)/.test(name)) continue
            if (side && style[`border-${side}-width`] == '0px') continue
            look[name] = style.getPropertyValue(name)
        }
        return look
    }
    const has = (el, pseudo) => {
        if (pseudo == '::backdrop') return el.matches('dialog:modal')
        if (pseudo == '::placeholder') return el.matches('[placeholder]')
        return !['none', 'normal'].includes(getComputedStyle(el, pseudo).content)
    }
    for (const el of [root, ...ours]) {
        const kind = [el.localName, ...el.classList].join('.') + (el.type ?? '')
        counted[kind] = (counted[kind] ?? 0) + 1
        const name = `${kind} ${counted[kind]}`
        if (!el.checkVisibility()) { found[name] = {drawn: false}; continue }
        const box = el.getBoundingClientRect()
        found[name] = look_of(el)
        for (const part of ['width', 'height'])
            found[name][part] = Math.round(box[part])
        for (const pseudo of ['::before', '::after', '::placeholder', '::backdrop'])
            if (has(el, pseudo)) found[name + pseudo] = look_of(el, pseudo)
    }
    const before = window.looked ??= found, unlike = new Set()
    for (const name of new Set([...Object.keys(before), ...Object.keys(found)])) {
        const was = before[name] ?? {}, is = found[name] ?? {}
        for (const part of new Set([...Object.keys(was), ...Object.keys(is)]))
            if (was[part] !== is[part])
                unlike.add(`${name}: ${part} ${was[part]} -> ${is[part]}`)
    }
    return [...unlike]
}"""
#: finds the controls that are too flat, or that a click in their middle does not reach
OUT_OF_REACH = """() => {
    const found = [], top = document.querySelector('dialog:modal')
    const root = top ?? document.querySelector('[data-apitokens]')
    const controls = 'a[href], button, input, select, textarea, summary'
    for (const el of root.querySelectorAll(controls)) {
        // The headings of a list of cards are out of sight until they have focus.
        if (el.closest('thead')?.offsetWidth == 1) continue
        if (!el.checkVisibility({visibilityProperty: true})) continue
        el.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'})
        const {x, y, width, height} = el.getClientRects()[0]
        const hit = document.elementFromPoint(x + width / 2, y + height / 2)
        const label = el.closest('label') ?? el
        if (height < 14 || !(el.contains(hit) || label == hit))
            found.push(`${el.outerHTML.slice(0, 120)} of ${width} x ${height}`)
    }
    scrollTo(0, 0)
    return found
}"""
#: what the look of ours follows by design: the same in each host of a comparison
SAME = """() => {
    document.documentElement.style.setProperty('--apitokens-font', 'Arial')
    Object.assign(document.getElementById('room').style,
        {position: 'absolute', inset: 0, padding: '16px'})
}"""


def dress(app: Flask) -> None:
    """Give the example host a layout that has the stylesheet of a framework alone."""
    layout = DictLoader({"base.html": LAYOUT})
    app.jinja_loader = ChoiceLoader([layout, app.jinja_loader])  # type: ignore[list-item]

    @app.get("/look/<name>.css")
    def look(name: str) -> Response:
        if name == "none":
            return Response("", mimetype="text/css")
        return send_file(FRAMEWORKS[name]) if name in FRAMEWORKS else abort(404)

    @app.after_request
    def allow_icons(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response


def put_on(page: Page, name: str) -> None:
    """Exchange the stylesheet of the host.

    A root that has larger text than usual makes ours larger too, as it should: it is
    set to the usual size. A root with smaller text is left as it is.
    """
    page.evaluate(
        """name => new Promise((done, fail) => {
            const root = document.documentElement, old = document.getElementById('look')
            const link = old.cloneNode()
            link.href = `/look/${name}.css`
            link.onerror = () => fail(new Error(`no stylesheet ${name}`))
            link.onload = () => {
                old.remove()
                root.style.fontSize = ''
                if (parseFloat(getComputedStyle(root).fontSize) > 16)
                    root.style.fontSize = '16px'
                done()
            }
            old.after(link)
        })""",
        name,
    )


def unlike_the_plain_host(page: Page) -> list[str]:
    """What of ours looks different under the stylesheet of a framework, or is lost."""
    put_on(page, "none")
    page.evaluate(SAME)
    page.evaluate("window.looked = undefined")
    page.evaluate(UNLIKE)
    found = []
    for name in FRAMEWORKS:
        put_on(page, name)
        lost = page.evaluate(OUT_OF_REACH)
        found += [f"{name}: {each}" for each in lost + page.evaluate(UNLIKE)]
    put_on(page, "none")
    return found
