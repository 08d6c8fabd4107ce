"""Where a list of tokens stands: the addresses of what can be done in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask import url_for


@dataclass(frozen=True)
class UrlSet:
    """The endpoints of one list, which differ by what stands in front of their names.

    :param prefix: of the endpoints: ``apitokens.``, ``apitokens_admin.user_`` …
    :param token: the endpoint of the page of one token.
    :param values: what all their addresses carry: the service, the user.
    """

    prefix: str
    token: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def url(self, action: str, **args: Any) -> str:
        """The address of *action*: tokens (the list), new, generate, rename …"""
        return url_for(f"{self.prefix}{action}", **self.values, **args)

    def token_url(self, token_id: str) -> str:
        """The page of one token."""
        return url_for(self.token, token_id=token_id)


#: the list of who is signed in
OWN = UrlSet("apitokens.", "apitokens.token")


@dataclass(frozen=True)
class UsageUrlSet:
    """Where a usage history stands: the endpoints of its page, its list and its file.

    :param values: what all their addresses carry: the service, the token.
    """

    page: str
    list: str
    file: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def page_url(self, **args: Any) -> str:
        """The page it is on."""
        return url_for(self.page, **self.values, **args)

    def list_url(self, **args: Any) -> str:
        """What a filter or a page link swaps in."""
        return url_for(self.list, **self.values, **args)

    def file_url(self, **args: Any) -> str:
        """The file of all that the filters find."""
        return url_for(self.file, **self.values, **args)
