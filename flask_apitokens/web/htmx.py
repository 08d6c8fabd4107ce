"""Requests that htmx sends, and the fragments that answer them.

The plugin uses what htmx 1.9, 2 and 4 share: one main content, whole panels out of
band, and the response headers that all three know.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Response
from flask import make_response
from flask import request
from markupsafe import Markup

#: marks a response that may be swapped into a panel; the script refuses all others
FRAGMENT_HEADER = "Apitokens-Fragment"
DIALOG = "at-dialog"
LIST = "at-list"
TOASTS = "at-toasts"
ALERT = "at-alert"
TOOLS = "at-tools"
ACTIONS = "at-actions"
TABS = "at-tabs"
PANEL = "at-panel"
ABOUT = "at-token"


def wants_fragment() -> bool:
    """Whether a control of ours sent this request, rather than a navigation.

    htmx also fetches whole pages: when it restores one from the history, and for links
    that the application boosts.
    """
    headers = request.headers
    return headers.get("HX-Request") == "true" and not (
        headers.get("HX-History-Restore-Request") == "true"
        or headers.get("HX-Boosted") == "true"
    )


def fragment(
    main: Markup,
    *,
    status: int = 200,
    out_of_band: Mapping[str, Markup | str] | None = None,
    target: str | None = None,
) -> Response:
    """Answer with the content of a panel.

    :param main: the content that the control swaps in. It is never empty: htmx 4 does
        not swap empty content, and its target would stay as it is.
    :param out_of_band: the content of further panels, by their element ids.
    :param target: the id of the panel for *main*, instead of the control's.
    """
    body = Markup("\n").join(
        [main, *(_panel(*item) for item in (out_of_band or {}).items())]
    )
    response = make_response(body, status)
    response.headers[FRAGMENT_HEADER] = "1"
    if target is not None:
        response.headers["HX-Retarget"] = f"#{target}"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _panel(panel_id: str, content: Markup | str) -> Markup:
    return Markup('<div id="{}" hx-swap-oob="innerHTML">{}</div>').format(
        panel_id, content
    )


def page_asked_from() -> str | None:
    """Return path and query of the page that a fragment was requested from.

    None for a page of another origin: the value gets into the ``next`` argument of a
    log-in link, which must not lead away from the application.
    """
    for name in ("HX-Current-URL", "Referer"):
        try:
            url = urlsplit(request.headers.get(name, ""))
        except ValueError:
            continue
        if (url.scheme, url.netloc) != (request.scheme, request.host):
            continue
        # A path that begins with two slashes would name another host.
        path = "/" + url.path.lstrip("/\\")
        return f"{path}?{url.query}" if url.query else path
    return None
