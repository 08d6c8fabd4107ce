"""The values that the macros of ``_macros.html`` draw: badges, statistics, choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
    """

    label: str
    value: str
    small: str = ""


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
    """The box above a form that was refused."""

    strong: str
    intro: str
    items: Sequence[ErrorItem] = ()
