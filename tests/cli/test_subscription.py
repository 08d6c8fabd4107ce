"""``service list`` and the commands of ``subscription``."""

from __future__ import annotations

from flask import Flask

from flask_apitokens.cli import session as cli_session
from tests import hosts
from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import run
from tests.conftest import MakeApp


def test_service_list_has_the_declared_services(app: Flask) -> None:
    tmy, timeseries = answer(app, "service", "list")
    assert (tmy["slug"], tmy["name"]) == ("tmy", "TMY data")
    assert tmy["scopes"] == {"read": "Download TMY files"}
    assert timeseries["default_active"] is False
    header, *lines = run(app, "service", "list").stdout.splitlines()
    assert header.split()[:2] == ["SLUG", "NAME"]
    assert [line.split()[0] for line in lines] == ["tmy", "timeseries"]


def test_lists_say_when_no_service_is_declared(make_app: MakeApp) -> None:
    app = make_app(services=False)
    hosts.create_user(app, "ada@example.com")
    assert answer(app, "service", "list") == []
    assert answer(app, "subscription", "list", *ADA) == []
    for args in (("service", "list"), ("subscription", "list", *ADA)):
        result = run(app, *args)
        assert "declares no services" in result.stderr
        assert result.stdout == ""


def test_subscriptions_are_switched_on_and_off(anywhere: Flask) -> None:
    def active() -> dict[str, bool]:
        rows = answer(anywhere, "subscription", "list", *ADA)
        return {row["service"]: row["active"] for row in rows}

    assert active() == {"tmy": False, "timeseries": False}
    [row] = answer(anywhere, "subscription", "activate", *ADA, "tmy")
    assert (row["owner"], row["service"]) == ("ada@example.com", "tmy")
    assert row["changed_by"] == cli_session.current_actor().label
    assert active() == {"tmy": True, "timeseries": False}
    run(anywhere, "subscription", "activate", *ADA, "tmy", "timeseries")
    assert active() == {"tmy": True, "timeseries": True}
    told = run(anywhere, "subscription", "deactivate", *ADA, "tmy")
    assert "tmy is off for ada@example.com" in told.stderr
    assert active() == {"tmy": False, "timeseries": True}
    table = run(anywhere, "subscription", "list", *ADA).stdout.splitlines()
    assert table[1].split()[:4] == ["tmy", "TMY", "data", "no"]


def test_subscription_to_an_unknown_service_is_refused(anywhere: Flask) -> None:
    args = ("subscription", "activate", *ADA, "tmy", "nothing")
    result = run(anywhere, *args, code=2)
    assert "“nothing” is not a service; there are tmy, timeseries" in result.stderr
    rows = answer(anywhere, "subscription", "list", *ADA)
    assert not any(row["active"] for row in rows)
