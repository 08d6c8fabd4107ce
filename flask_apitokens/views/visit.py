"""A visit: who is signed in, in front of which tokens, ready to be shown."""

from __future__ import annotations

import functools
from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Select

from flask_apitokens import audit
from flask_apitokens import figures
from flask_apitokens import htmx
from flask_apitokens import listing
from flask_apitokens import present
from flask_apitokens import rotating
from flask_apitokens import rotation
from flask_apitokens import single
from flask_apitokens import statuses
from flask_apitokens import subscriptions
from flask_apitokens import tokens
from flask_apitokens.asking import Asking
from flask_apitokens.asking import Draft
from flask_apitokens.asking import asking_of
from flask_apitokens.catalog import Service
from flask_apitokens.domain import Actor
from flask_apitokens.domain import Domain
from flask_apitokens.errors import AccessDenied
from flask_apitokens.generating import GenerateView
from flask_apitokens.generating import Refusals
from flask_apitokens.generating import Wish
from flask_apitokens.generating import presented
from flask_apitokens.happenings import Happening
from flask_apitokens.happenings import happening
from flask_apitokens.i18n import gettext as _
from flask_apitokens.listing import ListQuery
from flask_apitokens.lookup import Unavailable
from flask_apitokens.models import Event
from flask_apitokens.models import Token
from flask_apitokens.places import OWN
from flask_apitokens.places import Place
from flask_apitokens.present import Overview
from flask_apitokens.present import Row
from flask_apitokens.present import TokenList
from flask_apitokens.single import Single
from flask_apitokens.state import current_apitokens
from flask_apitokens.views import actor_of
from flask_apitokens.views import page
from flask_apitokens.views import partial
from flask_apitokens.views import signed_in

_LONGEST_SEARCH = 100
_KINDS = ("api", "access")
#: the title is the page's first heading
_PAGE_LEVEL = 1
LAST_PAGE = 1_000_000


@dataclass(frozen=True)
class Visit(ABC):
    """Somebody signed in, in front of a list of tokens.

    :param user: who is signed in.
    """

    domain: Domain
    user: Any

    @property
    def actor(self) -> Actor:
        """Who is signed in, as the audit log names them."""
        return actor_of(self.domain, self.user)

    @property
    @abstractmethod
    def at(self) -> Place:
        """Where the list stands."""

    @property
    def title(self) -> str:
        """What the list is called in the trail above one of its tokens."""
        return _("API tokens")

    @property
    @abstractmethod
    def owner(self) -> Any:
        """Whom a new token acts for; none for a userless one."""

    @property
    @abstractmethod
    def account_id(self) -> str:
        """The account a new token belongs to."""

    @property
    @abstractmethod
    def services(self) -> list[Service]:
        """The services a token can be generated for."""

    @property
    @abstractmethod
    def may_generate(self) -> bool:
        """Whether there is anything a token could be for."""

    @abstractmethod
    def tokens(self) -> Select[Token]:
        """Where every query starts: at the tokens that are here at all."""

    @abstractmethod
    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Tokens as they are shown; *fresh* is the id of the one just generated."""

    @abstractmethod
    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The list that *query* asks for and what stands around it."""

    @abstractmethod
    def page(self, overview: Overview, *, status: int = 200) -> ResponseReturnValue:
        """The whole page."""

    def panels(self, query: ListQuery, *, fresh: str = "") -> dict[str, Markup]:
        """The list, and what around it depends on how many tokens there are."""
        overview = self.overview(query, fresh=fresh)
        return {
            htmx.LIST: partial("list", list=overview.list),
            htmx.TOOLS: partial("toolbar", overview=overview, focus=False),
            # Whatever the page had when it was loaded: another tab may have been busy.
            # The script finds its way back to the button by its id.
            htmx.ACTIONS: partial("actions", list=overview.list),
        }

    def form(
        self, wish: Wish, *, form_id: str = "", refusals: Refusals | None = None
    ) -> GenerateView:
        """The generate form filled in with *wish*."""
        return presented(
            self.domain,
            wish,
            self.services,
            form_id=form_id,
            refusals=refusals,
            suggested=single.suggested_name(self.domain),
        )

    def named(self, wish: Wish) -> Wish:
        """*wish* with a name, where one goes without saying."""
        name = single.suggested_name(self.domain)
        return wish if wish.name.strip() else replace(wish, name=name)

    @property
    def only(self) -> Token | None:
        """The token that a new one has to replace; none where there is room."""
        return None

    def token(self, token_id: str) -> Token:
        """One of the tokens that are here.

        :raises TokenNotFound: if there is none, or it is somebody else's.
        """
        return tokens.get(self.domain, self.tokens(), token_id)

    def happening(self, event: Event) -> Happening:
        """What happened to a token, as it is told here."""
        return happening(event)

    @property
    def token_template(self) -> str:
        """The page of one of the tokens."""
        return "apitokens/token.html"

    @property
    def rotate_warning(self) -> str:
        """What to know before a token is rotated here."""
        return ""

    def whose(self, row: Row) -> str:
        """Whose a token is, for others than its owner."""
        return ""

    def usage_url(self, token: Token) -> str:
        """Where the calls with a token stand among those of others, if anywhere."""
        return ""

    def can_rotate(self, token: Token) -> bool:
        """Whether a new token could take the place of this one and work."""
        usable = self.row(token).status in present.WORKING
        return usable and rotation.can_be_rotated(self.domain, token)

    def token_context(self, token: Token) -> dict[str, Any]:
        """What the page of one of the tokens is given."""
        row, domain = self.row(token), self.domain
        kin = {key for key in (token.successor_id, token.predecessor_id) if key}
        known = tokens.find_many(domain, self.tokens(), kin) if kin else ()
        can_rotate = self.can_rotate(token)
        return {
            "row": row,
            "at": self.at,
            "list_title": self.title,
            "owner": self.whose(row),
            "account_id": self.account_id,
            "events": [self.happening(e) for e in audit.events_of(domain, token.id)],
            "kin": rotating.kin_of(token, known, self.at),
            "works_until": rotating.works_until(domain, token),
            "usage_url": self.usage_url(token),
            "rotate_url": self.at.url("rotate", token_id=row.id) if can_rotate else "",
        }

    def row(self, token: Token, *, fresh: bool = False) -> Row:
        """A token as it is shown."""
        return self.rows([token], fresh=token.id if fresh else "")[0]

    def list(self, query: ListQuery, *, fresh: str = "") -> TokenList:
        """The page of the list that *query* asks for."""
        return self.overview(query, fresh=fresh).list


@dataclass(frozen=True)
class OwnTokens(Visit):
    """The signed-in user among the tokens they own.

    :param states: every service of theirs and whether they may use it now.
    """

    states: Mapping[str, bool]
    #: whether they may use the API at all
    allowed: bool

    @property
    def at(self) -> Place:
        """The user's own page."""
        return OWN

    @property
    def owner(self) -> Any:
        """The user."""
        return self.user

    @property
    def account_id(self) -> str:
        """The user's account."""
        return self.domain.account_of(self.user)

    @property
    def services(self) -> list[Service]:
        """The services the user may generate for."""
        declared = self.domain.catalog.services
        return [declared[slug] for slug, active in self.states.items() if active]

    @property
    def may_generate(self) -> bool:
        """Whether there is anything a token could be for."""
        return self.allowed and (not self.domain.catalog or bool(self.services))

    def tokens(self) -> Select[Token]:
        """The tokens the user owns."""
        return listing.owned_by(self.domain, self.user)

    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Tokens as their owner sees them."""
        domain = self.domain
        return [
            present.row_of(
                token,
                statuses.status_of(domain, token, paused=bool(self._paused_by(token))),
                catalog=domain.catalog,
                now=domain.now(),
                fresh=token.id == fresh,
                paused_by=self._paused_by(token),
                recorded=domain.settings.usage != "off",
            )
            for token in found
        ]

    def happening(self, event: Event) -> Happening:
        """What happened, and from where where it was the owner: others may not say."""
        told = happening(event)
        mine = event.actor_id == self.domain.key_text(self.user)
        return told if mine else replace(told, ip="")

    def _paused_by(self, token: Token) -> str:
        """What a token waits for before it works; empty for one that works."""
        if not self.allowed:
            return _("API access is off")
        if token.account_id != self.account_id:
            return _("Of an account you have left")
        if token.service is not None and not self.states.get(token.service, False):
            return _("Access to the service is off")
        return ""

    @property
    def only(self) -> Token | None:
        """The user's only live token, where one is all they may have."""
        if not single.is_on(self.domain):
            return None
        live = single.live_of(self.domain, self.user)
        return live[0] if len(live) == 1 else None

    def _single(self, fresh: str) -> Single | None:
        """What stands in place of a list; none where there is a list."""
        domain = self.domain
        if not single.is_on(domain) or len(single.live_of(domain, self.user)) > 1:
            return None
        token = single.shown_of(domain, self.user)
        way = "new" if self.may_generate else ""
        if token is None:
            return Single(None, self.at.url(way) if way else "")
        row = self.row(token, fresh=token.id == fresh)
        if row.status != "expired":
            way = "replace" if self.can_rotate(token) else ""
        return Single(row, self.at.url(way) if way else "")

    def panels(self, query: ListQuery, *, fresh: str = "") -> dict[str, Markup]:
        """The list, or the only token that there may be."""
        shown = self._single(fresh)
        if shown is None:
            return super().panels(query, fresh=fresh)
        return {htmx.LIST: partial("single_card", single=shown)}

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The whole section around the list."""
        counts = figures.counts(self.domain, self.tokens())
        found = listing.page_of(self.domain, self.user, query)
        return Overview(
            list=present.list_of(
                found,
                self.rows(found.items, fresh=fresh),
                query,
                owned=counts.total,
                services_shown=bool(self.domain.catalog),
                may_generate=self.may_generate,
            ),
            account_id=self.account_id,
            expiring=counts.expiring,
            expiring_days=self.domain.settings.expiring_days,
            statuses=present.statuses_offered(),
            services=present.services_offered(self.domain.catalog),
            single=self._single(fresh),
        )

    def page(
        self, overview: Overview, *, status: int = 200, draft: Draft | None = None
    ) -> ResponseReturnValue:
        """The whole section as a page, or what it takes to have one."""
        shown = self.shown(overview)
        return page(
            "apitokens/tokens.html",
            status=status,
            overview=shown,
            asking=self.asking(alone=shown is None, draft=draft),
            level=_PAGE_LEVEL,
        )

    def asking(self, *, alone: bool, draft: Draft | None = None) -> Asking:
        """What the user lacks and may ask for."""
        return asking_of(self.domain, self.user, self.states, alone=alone, draft=draft)

    def shown(self, overview: Overview) -> Overview | None:
        """*overview*, or none where there is nothing and can be nothing."""
        return overview if overview.list.owned or self.may_generate else None


def begin() -> OwnTokens:
    """The signed-in user in front of their own tokens.

    :raises AccessDenied: if nobody is signed in, which the pages' guard rules out.
    """
    user = signed_in()
    if user is None:
        raise AccessDenied
    domain = current_apitokens.domain()
    states = subscriptions.states(domain, user) if domain.catalog else {}
    return OwnTokens(domain, user, states, domain.may_use_api(user))


Begin = Callable[..., Visit]
#: how the visit of a request begins, for who has to begin it again
_BEGIN = "flask_apitokens.begin"


def enter(
    begin: Begin, view: Callable[..., ResponseReturnValue], values: dict[str, Any]
) -> ResponseReturnValue:
    """Begin a visit and answer with a view of it.

    :param begin: is given what the address carries besides the id of a token.
    :param view: is given the visit, and the id of a token where there is one.
    """
    token_id = values.pop("token_id", None)
    again = functools.partial(begin, **values)
    request.environ[_BEGIN] = again
    return view(again(), token_id) if token_id else view(again())


def begun_again() -> Visit | None:
    """The visit of this request, with everything read anew; none where it had none."""
    again: Begin | None = request.environ.get(_BEGIN)
    return None if again is None else again()


def asked_query() -> ListQuery:
    """The list this address asks for; what makes no sense is passed over."""
    args = request.args
    sort = args.get("sort", "")
    status = args.get("status", "")
    service = args.get("service", "")
    kind, use = args.get("kind", ""), args.get("use", "")
    policy = args.get("policy", "")
    origin = args.get("origin", "")
    asked_page = args.get("page", 1, type=int)
    return ListQuery(
        q=searched(args.get("q", "")),
        status=status if status in statuses.STATUSES else "",
        service=service if service in current_apitokens.catalog.services else "",
        kind=kind if kind in _KINDS else "",
        use=use if use in listing.USES else "",
        policy=policy if policy == listing.OUTSIDE else "",
        origin=origin if origin in listing.ORIGINS else "",
        sort=sort if sort.removeprefix("-") in listing.SORTS else "-created",
        page=min(max(asked_page, 1), LAST_PAGE),
    )


def searched(text: str) -> str:
    """What was typed into the search field; a whole token is cut to its id.

    Somebody who finds a token and wants to know whose it is may paste all of it: it
    must not come back on a page.
    """
    text = text.strip()
    return _id_of_whole(text) or text[:_LONGEST_SEARCH]


def token_searched_for() -> bool:
    """Whether what this address searches for is a whole token."""
    return _id_of_whole(request.args.get("q", "").strip()) is not None


def _id_of_whole(text: str) -> str | None:
    state = current_apitokens
    own = state.parse(text.encode("utf-8", "replace"))
    if own is not None or state.keyring is None:
        return own
    from flask_apitokens.imported import SHORTEST
    from flask_apitokens.imported import canonical

    # One of another system has no id in it: it is recognised as the guard does.
    token = canonical(text)
    if token is None or len(token) < SHORTEST:
        return None
    found = None
    # A database that does not answer says so in the list.
    with suppress(Unavailable):
        found = state.find_imported([m.digest for m in state.keyring.marks(token)])
    return None if found is None else found[0]
