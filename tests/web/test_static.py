"""The files a browser is sent: unchanged where they are others', safe where ours."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import flask_apitokens

STATIC = Path(flask_apitokens.__file__).parent / "static"
STYLES = ("apitokens.css", "apitokens-layout.css")
#: of dist/htmx.min.js in the npm package htmx.org 2.0.11
HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
SCRIPT_BYTES = 6 * 1024

Colour = tuple[float, float, float]

#: private name in the stylesheet → (colours of text on it, least contrast, WCAG 1.4.3)
TEXT_ON = {
    "bg": ("text", "muted", "link", "bad"),
    "surface": ("text", "muted", "link", "bad", "ok", "warn"),
    "sunken": ("text", "muted", "link"),
    "accent": ("on-accent",),
    "accent-hover": ("on-accent",),
    "accent-soft": ("text", "link"),
    "ok-soft": ("text", "ok"),
    "warn-soft": ("text", "warn"),
    "bad-soft": ("text", "bad"),
    "bad": ("on-bad",),
    "bad-hover": ("on-bad",),
}
#: controls, focus ring and chart, WCAG 1.4.11
SHAPES_ON = {
    "bg": ("line-strong", "focus", "accent"),
    "surface": ("line-strong", "focus", "accent", "bad", "c1", "c2", "c3"),
    "sunken": ("line-strong", "focus"),
}


def test_htmx_file_equals_the_published_one() -> None:
    folder = STATIC / "vendor" / "htmx.org@2.0.11"
    content = (folder / "htmx.min.js").read_bytes()
    assert hashlib.sha256(content).hexdigest() == HTMX_SHA256
    assert "Zero-Clause BSD" in (folder / "LICENSE").read_text("utf-8")


def test_script_is_small() -> None:
    assert len((STATIC / "apitokens.js").read_bytes()) < SCRIPT_BYTES


@pytest.mark.parametrize(
    "forbidden",
    [
        r"\beval\b",
        r"\bFunction\b",
        r"(inner|outer)HTML",
        "insertAdjacentHTML",
        r"document\.write",
        "javascript:",
        r"(local|session)Storage",
        r"set(Timeout|Interval)\(\s*['\"`]",
        "https?://",
        r"['\"`]\s*<",
    ],
)
def test_script_never_evaluates_text(forbidden: str) -> None:
    for path in STATIC.glob("*.js"):
        assert re.search(forbidden, path.read_text("utf-8")) is None


@pytest.mark.parametrize("name", STYLES)
def test_stylesheet_loads_no_other_file(name: str) -> None:
    assert re.search(r"url\(|@import|@font-face", style(name)) is None


def test_stylesheet_selects_only_elements_of_the_section() -> None:
    selectors = re.findall(r"^ *([^\s{}@][^{}]*)\{", style("apitokens.css"), re.M)
    parts = [part for text in selectors for part in alternatives(text)]
    # The section of the Bootstrap set has no class of ours, only this attribute.
    others = {"from", "to", "[data-apitokens]"}
    strays = [
        part.strip()
        for part in parts
        if ".at" not in part and part.strip() not in others
    ]
    assert len(parts) > 300
    assert strays == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(scheme: str) -> None:
    assert too_faint(scheme, TEXT_ON, 4.5) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_have_enough_contrast(scheme: str) -> None:
    assert too_faint(scheme, SHAPES_ON, 3.0) == []


def test_fallback_colours_are_the_light_ones() -> None:
    plain = re.findall(r"--_([\w-]+): var\(--apitokens-[\w-]+, (#\w+)\)", style())
    light = colours("light")
    assert {name: parse(value) for name, value in plain} == light


def alternatives(selector: str) -> list[str]:
    """Split a selector at the commas that are in no parentheses."""
    depth, parts = 0, [""]
    for sign in selector:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def style(name: str = STYLES[0]) -> str:
    """A stylesheet without its comments."""
    text = (STATIC / name).read_text("utf-8")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def colours(scheme: str) -> dict[str, Colour]:
    """The named colours of one scheme."""
    pairs = re.findall(
        r"--_([\w-]+): var\(--apitokens-[\w-]+, light-dark\((#\w+), (#\w+)\)\)", style()
    )
    return {
        name: parse(light if scheme == "light" else dark) for name, light, dark in pairs
    }


def parse(text: str) -> Colour:
    """Red, green and blue from 0 to 1 of ``#rgb`` or ``#rrggbb``."""
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """From 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def too_faint(
    scheme: str, pairs: dict[str, tuple[str, ...]], least: float
) -> list[str]:
    """The pairs below the least contrast."""
    known = colours(scheme)
    ratios = {
        f"{name} on {ground}": contrast(known[name], known[ground])
        for ground, names in pairs.items()
        for name in names
    }
    return [f"{pair}: {ratio:.2f}" for pair, ratio in ratios.items() if ratio < least]
