"""One user's visit: what they own, may use and asked for, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from flask_apitokens import listing
from flask_apitokens import present
from flask_apitokens import subscriptions
from flask_apitokens import tokens
from flask_apitokens.catalog import Service
from flask_apitokens.domain import Actor
from flask_apitokens.domain import Domain
from flask_apitokens.errors import AccessDenied
from flask_apitokens.listing import ListQuery
from flask_apitokens.models import Token
from flask_apitokens.present import Overview
from flask_apitokens.present import Row
from flask_apitokens.present import TokenList
from flask_apitokens.state import current_apitokens
from flask_apitokens.views import actor_of
from flask_apitokens.views import signed_in

_LONGEST_SEARCH = 100
_LAST_PAGE = 1_000_000


@dataclass(frozen=True)
class Visit:
    """The signed-in user among the tokens they own.

    :param states: every declared service and whether the user may use it now.
    """

    domain: Domain
    user: Any
    states: Mapping[str, bool]

    @property
    def actor(self) -> Actor:
        """The user as the audit log names them."""
        return actor_of(self.domain, self.user)

    @property
    def services(self) -> list[Service]:
        """The services the user may generate for."""
        declared = self.domain.catalog.services.items()
        return [service for slug, service in declared if self.states[slug]]

    @property
    def may_generate(self) -> bool:
        """Whether there is anything a token could be for."""
        return not self.domain.catalog or bool(self.services)

    def token(self, token_id: str) -> Token:
        """One of the user's tokens.

        :raises TokenNotFound: if there is none, or it is somebody else's.
        """
        return tokens.get(self.domain, self.user, token_id)

    def row(self, token: Token, *, fresh: bool = False) -> Row:
        """A token as it is shown."""
        service = token.service
        paused = service is not None and not self.states.get(service, False)
        status = listing.status_of(self.domain, token, paused=paused)
        return present.row_of(
            token,
            status,
            catalog=self.domain.catalog,
            now=self.domain.now(),
            fresh=fresh,
            recorded=self.domain.settings.usage != "off",
        )

    def rows(self, found: Sequence[Token], *, fresh: str = "") -> list[Row]:
        """Tokens as they are shown; *fresh* is the id of the one just generated."""
        return [self.row(token, fresh=token.id == fresh) for token in found]

    def list(self, query: ListQuery, *, fresh: str = "") -> TokenList:
        """The page of the list that *query* asks for."""
        return self.overview(query, fresh=fresh).list

    def overview(self, query: ListQuery, *, fresh: str = "") -> Overview:
        """The whole section around the list."""
        counts = listing.counts(self.domain, self.user)
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
            account_id=self.domain.account_of(self.user),
            expiring=counts.expiring,
            expiring_days=self.domain.settings.expiring_days,
            statuses=present.statuses_offered(),
            services=present.services_offered(self.domain.catalog),
        )


def begin() -> Visit:
    """The visit of this request.

    :raises AccessDenied: if nobody is signed in, which the pages' guard rules out.
    """
    user = signed_in()
    if user is None:
        raise AccessDenied
    domain = current_apitokens.domain()
    states = subscriptions.states(domain, user) if domain.catalog else {}
    return Visit(domain, user, states)


def asked_query() -> ListQuery:
    """The list this address asks for; what makes no sense is passed over."""
    args = request.args
    sort = args.get("sort", "")
    status = args.get("status", "")
    service = args.get("service", "")
    asked_page = args.get("page", 1, type=int)
    return ListQuery(
        q=_searched(args.get("q", "")),
        status=status if status in listing.STATUSES else "",
        service=service if service in current_apitokens.catalog.services else "",
        sort=sort if sort.removeprefix("-") in listing.SORTS else "-created",
        page=min(max(asked_page, 1), _LAST_PAGE),
    )


def _searched(text: str) -> str:
    """What was typed into the search field; a whole token is cut to its id.

    Somebody who finds a token and wants to know whose it is may paste all of it: it
    must not come back on a page.
    """
    text = text.strip()
    public_id = current_apitokens.parse(text.encode("utf-8", "replace"))
    return public_id or text[:_LONGEST_SEARCH]
