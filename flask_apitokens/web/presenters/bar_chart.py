"""The geometry of a chart of stacked bars, which a template draws as SVG.

All lengths are in units of the drawing, which is :data:`WIDTH` wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_apitokens.i18n import number as number_text

WIDTH = 960
#: the top and the base of the tallest bar
_TOP, _BASE = 24, 232
#: the base lines of the labels below the bars, and of the remarks below those
_LABEL, _REMARK = 253, 269
_BAR = 52
#: the gap between the parts of a bar, and the least height that can be seen
_GAP, _LEAST = 1.5, 1.5
#: the approximate width of a character
_CHARACTER = 7.2
#: the approximate number of spaces between the lines of the axis
_SPACES = 3
_STEPS = (1, 2, 4, 5, 8, 10)


@dataclass(frozen=True)
class Column:
    """The values of a bar.

    :param label: the text below the bar.
    :param title: the values as a sentence.
    :param parts: the values, from the base upwards.
    :param text: their sum, as text.
    :param remark: the text below the label.
    :param href: where the bar leads; empty for a bar that is not a link.
    """

    label: str
    title: str
    parts: Sequence[int]
    text: str
    remark: str = ""
    href: str = ""


@dataclass(frozen=True)
class Part:
    """A part of a bar; *kind* is its number from the base, from 1."""

    kind: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A bar with its texts, which are centred at *middle*.

    :param left: where the room of the bar begins, which is :attr:`Chart.slot` wide.
    :param label: empty if there is no room for it; so is *text*.
    """

    title: str
    href: str
    left: float
    x: float
    middle: float
    label: str
    remark: str
    text: str
    text_y: float
    parts: Sequence[Part]


@dataclass(frozen=True)
class Line:
    """A line of the axis."""

    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A drawing of stacked bars.

    :param desc: the description for screen readers.
    :param bar: the width of a bar.
    :param slot: the width of the room that each bar has.
    :param start, end: where the lines of the axis begin and end.
    :param axis: where their labels are, at the end that *anchor* names.
    """

    title: str
    desc: str
    height: int
    bar: float
    slot: float
    start: float
    end: float
    axis: float
    anchor: str
    lines: Sequence[Line]
    bars: Sequence[Bar]
    width: int = WIDTH
    label_y: int = _LABEL
    remark_y: int = _REMARK


def chart_of(
    columns: Sequence[Column], *, title: str, desc: str, rtl: bool = False
) -> Chart:
    """Return the drawing of *columns*.

    :param rtl: whether the first column is on the right.
    """
    most = max((sum(column.parts) for column in columns), default=0)
    step = step_for(most)
    top = step * max(1, -(-most // step))
    values = range(0, top + step, step)
    lines = [Line(_y(value, top), number_text(value)) for value in values]
    margin = max(len(line.text) for line in lines) * _CHARACTER + 16
    slot = (WIDTH - margin) / max(1, len(columns))
    width = round(min(_BAR, slot * 0.6), 1)
    apart = -(-_BAR // max(1, int(slot)))
    bars = [
        _bar(
            column,
            margin + slot * (number + 0.5),
            slot=slot,
            width=width,
            top=top,
            rtl=rtl,
            # The last bar is the newest, so it always has its label.
            labelled=(len(columns) - 1 - number) % apart == 0,
        )
        for number, column in enumerate(columns)
    ]
    remarks = any(column.remark for column in columns)
    return Chart(
        title=title,
        desc=desc,
        height=276 if remarks else 260,
        bar=width,
        slot=round(slot, 1),
        start=0 if rtl else round(margin, 1),
        end=round(WIDTH - margin, 1) if rtl else WIDTH,
        axis=round(WIDTH - margin + 8 if rtl else margin - 8, 1),
        anchor="start" if rtl else "end",
        lines=lines,
        bars=bars,
    )


def step_for(most: int) -> int:
    """Return the step between the lines of the axis: a round number."""
    wanted = max(1, -(-most // _SPACES))
    power: int = 10 ** (len(str(wanted)) - 1)
    return next(n * power for n in _STEPS if n * power >= wanted)


def _bar(
    column: Column,
    middle: float,
    *,
    slot: float,
    width: float,
    top: int,
    rtl: bool,
    labelled: bool,
) -> Bar:
    if rtl:
        middle = WIDTH - middle
    parts = _stacked(column.parts, top)
    fits = len(column.text) * _CHARACTER <= slot and any(column.parts)
    return Bar(
        title=column.title,
        href=column.href,
        left=round(middle - slot / 2, 1),
        x=round(middle - width / 2, 1),
        middle=round(middle, 1),
        label=column.label if labelled else "",
        remark=column.remark if labelled else "",
        text=column.text if fits else "",
        text_y=round((parts[-1].y if parts else _BASE) - 6, 1),
        parts=parts,
    )


def _stacked(parts: Sequence[int], top: int) -> list[Part]:
    """Return the parts on top of each other. A value above 0 is always visible."""
    stacked, y = [], float(_BASE)
    for kind, value in enumerate(parts, start=1):
        if not value:
            continue
        height = max(_BASE - _y(value, top) - _GAP, _LEAST)
        y = y - _GAP - height
        stacked.append(Part(kind, round(y, 1), round(height, 1)))
    return stacked


def _y(value: int, top: int) -> float:
    return round(_BASE - (_BASE - _TOP) * value / top, 1)
