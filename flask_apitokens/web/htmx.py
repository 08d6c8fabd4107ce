"""The htmx edge: which requests want a fragment, and how one is answered.

The plugin stays in the subset that htmx 1.9, 2 and 4 share: one main content, whole
panels out of band, and the response headers that all three know.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Response
from flask import make_response
from flask import request
from markupsafe import Markup

#: marks what may stand in a panel; the script keeps everything else out
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
    """Whether this request came from one of our controls rather than a navigation.

    A page restored from history or fetched by a host's boosted link is a page.
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

    :param main: what the control that asked swaps in; never empty, since htmx 4 then
        leaves its target as it is.
    :param out_of_band: ids of further panels and what goes into them.
    :param target: the id of the panel *main* goes into instead.
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
    """Path and query of the page a fragment was asked from, if it is one of ours.

    Of this origin, that is: the value ends up in the ``next`` of a log-in link.
    """
    for name in ("HX-Current-URL", "Referer"):
        try:
            url = urlsplit(request.headers.get(name, ""))
        except ValueError:
            continue
        if (url.scheme, url.netloc) != (request.scheme, request.host):
            continue
        # Two slashes in front would name a host.
        path = "/" + url.path.lstrip("/\\")
        return f"{path}?{url.query}" if url.query else path
    return None
