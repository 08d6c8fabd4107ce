"""The geometry of the bar chart."""

from __future__ import annotations

import pytest

from flask_apitokens.web.presenters.bar_chart import WIDTH
from flask_apitokens.web.presenters.bar_chart import Chart
from flask_apitokens.web.presenters.bar_chart import Column
from flask_apitokens.web.presenters.bar_chart import chart_of
from flask_apitokens.web.presenters.bar_chart import step_for


def drawn(*parts: tuple[int, int, int], rtl: bool = False) -> Chart:
    """Return a chart of bars that are labelled with their numbers."""
    columns = [
        Column(f"day {n}", f"title {n}", values, f"{sum(values):,}", "" if n else "!")
        for n, values in enumerate(parts)
    ]
    return chart_of(columns, title="t", desc="d", rtl=rtl)


@pytest.mark.parametrize(
    ("most", "step"),
    [(0, 1), (1, 1), (3, 1), (4, 2), (10, 4), (13, 5), (24, 8), (25, 10), (2110, 800)],
)
def test_axis_steps_are_round_numbers(most: int, step: int) -> None:
    assert step_for(most) == step


def test_bars_have_the_coordinates_of_the_mock() -> None:
    chart = drawn((2010, 88, 12), (1402, 96, 22))
    assert [line.text for line in chart.lines] == ["0", "800", "1,600", "2,400"]
    assert [line.y for line in chart.lines] == [232.0, 162.7, 93.3, 24.0]
    high, low = chart.bars
    assert [(part.kind, part.height) for part in low.parts] == [
        (1, 120.0),
        (2, 6.8),
        (3, 1.5),
    ]
    assert low.parts[0].y == 110.5
    assert high.text == "2,110"
    assert high.text_y < high.parts[-1].y < low.parts[-1].y
    for below, above in zip(low.parts, low.parts[1:], strict=False):
        assert above.y + above.height < below.y


def test_chart_draws_a_minimum_height() -> None:
    chart = drawn((10_000_000, 1, 0), (0, 0, 0), (0, 0, 1))
    assert [part.kind for part in chart.bars[0].parts] == [1, 2]
    assert chart.bars[0].parts[1].height >= 1.5
    assert (chart.bars[1].parts, chart.bars[1].text) == ([], "")
    assert [part.kind for part in chart.bars[2].parts] == [3]
    # The longest number of the axis fits beside it.
    assert chart.axis >= len("10,000,000") * 7


def test_chart_is_mirrored_for_right_to_left_languages() -> None:
    ltr, rtl = drawn((5, 1, 1), (9, 0, 0)), drawn((5, 1, 1), (9, 0, 0), rtl=True)
    mirrored = [WIDTH - bar.middle for bar in ltr.bars]
    assert [bar.middle for bar in rtl.bars] == pytest.approx(mirrored)
    assert (rtl.start, rtl.end) == pytest.approx((WIDTH - ltr.end, WIDTH - ltr.start))
    assert (ltr.anchor, rtl.anchor) == ("end", "start")
    assert rtl.axis == pytest.approx(WIDTH - ltr.axis)
    assert rtl.bars[0].title == ltr.bars[0].title


@pytest.mark.parametrize("days", [1, 8, 31, 401])
def test_chart_leaves_out_labels_without_room(days: int) -> None:
    chart = drawn(*[(1_234_567, 0, 0)] * days)
    labelled = [bar.middle for bar in chart.bars if bar.label]
    # The newest day always says which it is, and that it is not over.
    assert chart.bars[-1].label
    assert len(chart.bars) == days
    between = [b - a for a, b in zip(labelled, labelled[1:], strict=False)]
    assert all(space >= chart.bar for space in between)
    assert all(bar.x >= chart.start for bar in chart.bars)
    assert all(bar.x + chart.bar <= chart.end for bar in chart.bars)
    assert bool(chart.bars[0].text) == (days <= 8)
    assert chart.height == 276
