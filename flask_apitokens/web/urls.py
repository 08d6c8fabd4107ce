"""The addresses of a list of tokens, of its actions, and of a usage history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask import url_for


@dataclass(frozen=True)
class UrlSet:
    """The addresses of one list: its endpoints have the same names after a prefix.

    :param prefix: the start of the endpoints, such as ``apitokens_admin.user_``.
    :param token: the endpoint of the page of one token.
    :param values: the parts that all addresses have: the service, the user.
    """

    prefix: str
    token: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def url(self, action: str, **args: Any) -> str:
        """Return the address of *action*, such as "tokens" (the list) or "rename"."""
        return url_for(f"{self.prefix}{action}", **self.values, **args)

    @property
    def has_token_pages(self) -> bool:
        """Whether the page of a token belongs to this list, and not to another one."""
        return self.token == f"{self.prefix}token"

    def token_url(self, token_id: str) -> str:
        """Return the address of the page of one token."""
        return url_for(self.token, token_id=token_id)


#: the list of the signed-in user
OWN = UrlSet("apitokens.", "apitokens.token")


@dataclass(frozen=True)
class UsageUrlSet:
    """The addresses of a usage history.

    :param page: the endpoint of its page.
    :param list: the endpoint of the list of calls, which htmx refreshes.
    :param file: the endpoint of the CSV file.
    :param values: the parts that all addresses have: the service, the token.
    """

    page: str
    list: str
    file: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def page_url(self, **args: Any) -> str:
        """Return the address of the page."""
        return url_for(self.page, **self.values, **args)

    def list_url(self, **args: Any) -> str:
        """Return the address of the list of calls, for a filter or a page link."""
        return url_for(self.list, **self.values, **args)

    def file_url(self, **args: Any) -> str:
        """Return the address of the CSV file."""
        return url_for(self.file, **self.values, **args)
