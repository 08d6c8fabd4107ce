"""What the expiry choices of the generate form do, whatever draws them."""

from __future__ import annotations

from playwright.sync_api import Page
from playwright.sync_api import expect


def follows_the_kind(page: Page) -> None:
    """Choose each kind: "Never" is there for an API token alone, each has a choice."""
    expiries = page.get_by_role("group", name="Expires")
    chosen = expiries.get_by_role("radio", checked=True)
    never = expiries.get_by_role("radio", name="Never")
    meaning = expiries.locator(".at-when:visible")
    page.get_by_role("radio", name="Access token").check()
    expect(never).to_have_count(0)
    expect(chosen).to_have_value("90")
    expect(meaning).to_contain_text("Stops working on")
    page.get_by_role("radio", name="API token").check()
    expect(never).to_be_checked()
    expect(chosen).to_have_count(1)
    expect(meaning).to_have_text("Works until it is revoked or deleted.")
