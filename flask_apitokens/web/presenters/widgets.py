"""The values that the macros of ``_macros.html`` draw: badges, statistics, choices."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_apitokens.db.pagination import Page

Args = Mapping[str, Any]


@dataclass(frozen=True)
class Badge:
    """A state as one or two words.

    :param tone: "ok", "warn", "bad", "off" or "plain".
    """

    text: str
    tone: str


@dataclass(frozen=True)
class Stat:
    """A number above a list or a chart, and what it counts.

    :param small: a second number, shown smaller beside it.
    :param href: lists what it counts; empty for a number that is not a link.
    """

    label: str
    value: str
    small: str = ""
    href: str = ""


@dataclass(frozen=True)
class Option:
    """A choice in a group of radio buttons, pills or check boxes.

    :param text: a sentence below the label.
    :param badge: one word beside the label, such as "Recommended".
    """

    value: str
    label: str
    text: str = ""
    badge: str = ""


@dataclass(frozen=True)
class Filter:
    """A select box above a list.

    :param options: pairs of a value and its label.
    """

    label: str
    name: str
    options: Sequence[tuple[str, str]]
    selected: str


@dataclass(frozen=True)
class ErrorItem:
    """A line of the error summary.

    :param target: the id of the field that the line links to.
    """

    target: str
    text: str


@dataclass(frozen=True)
class Summary:
    """The box above a form that was refused.

    :param intro: the text before the items, if there are several or none.
    """

    strong: str
    intro: str = ""
    items: Sequence[ErrorItem] = ()


@dataclass(frozen=True)
class PageLinks:
    """The links from one page of a list to the pages before and after it.

    Each is a pair: the address of the page, and that of the fragment htmx swaps in.
    """

    previous: tuple[str, str] | None
    next: tuple[str, str] | None

    @classmethod
    def of(
        cls,
        url: Callable[..., str],
        *,
        previous: Args | None,
        following: Args | None,
        fragment_url: Callable[..., str] | None = None,
        focus: str = "list",
    ) -> PageLinks:
        """Return the links to the pages with these arguments; ``None`` for no page.

        :param url: returns the address of a page from its arguments.
        :param fragment_url: the same for the fragment, if it has its own address.
        :param focus: tells the fragment which table takes the focus.
        """

        def link(args: Args | None) -> tuple[str, str] | None:
            if args is None:
                return None
            return url(**args), (fragment_url or url)(focus=focus, **args)

        return cls(link(previous), link(following))

    @classmethod
    def numbered(
        cls,
        url: Callable[..., str],
        page: Page[Any],
        *,
        args: Callable[[int], Args],
        focus: str = "list",
    ) -> PageLinks:
        """Return the links beside a numbered page.

        :param args: returns the arguments of the page so many pages further on.
        """
        previous = args(-1) if page.number > 1 else None
        following = args(1) if page.more else None
        return cls.of(url, previous=previous, following=following, focus=focus)

    @property
    def has_any(self) -> bool:
        """Whether the list has other pages."""
        return self.previous is not None or self.next is not None
