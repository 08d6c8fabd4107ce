"""Settings of the example host: secret key, database, environment, proxies."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from example_app import create_app
from example_app.models import db

MakeExample = Callable[..., Flask]
ROOT = Path(__file__).parents[2]


def test_secret_key_is_generated_once_and_private(tmp_path: Path) -> None:
    keys = {
        create_app(instance_path=tmp_path).config["SECRET_KEY"] for _again in range(2)
    }
    other = create_app(instance_path=tmp_path / "other").config["SECRET_KEY"]
    (key,) = keys
    assert len(key) >= 32
    assert other != key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [
        "secret_key"
    ]


def test_concurrent_workers_use_the_same_secret_key(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from example_app import create_app;"
        "app = create_app(instance_path=pathlib.Path(sys.argv[1]));"
        "print(app.config['SECRET_KEY'])"
    )
    workers = [
        subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _worker in range(3)
    ]
    keys = {worker.communicate()[0] for worker in workers}
    assert len(keys) == 1
    assert all(worker.returncode == 0 for worker in workers)


def test_configured_key_and_database_need_no_instance_folder(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "instance"
    config = {"SECRET_KEY": "x", "SQLALCHEMY_DATABASE_URI": "sqlite://"}
    create_app(config, instance_path=folder)
    assert not folder.exists()


def test_settings_are_read_from_the_environment(
    make_example: MakeExample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_APITOKENS_MAX_PER_OWNER", "1")
    monkeypatch.setenv("FLASK_SESSION_COOKIE_SECURE", "true")
    example = make_example()
    assert example.extensions["apitokens"].settings.max_per_owner == 1
    assert example.config["SESSION_COOKIE_SECURE"] is True


def test_unknown_template_set_is_named(make_example: MakeExample) -> None:
    with pytest.raises(RuntimeError, match="'tailwind'; allowed is None, bootstrap5"):
        make_example(EXAMPLE_TEMPLATES="tailwind")


def test_sqlite_has_its_pragmas(example: Flask) -> None:
    with example.app_context():
        found = [
            db.session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        ]
    assert found == ["wal", 5000, 1]


@pytest.mark.parametrize(("proxies", "seen"), [(0, "http"), (1, "https")])
def test_proxy_headers_count_only_when_configured(
    make_example: MakeExample, proxies: int, seen: str
) -> None:
    visitor = make_example(TRUSTED_PROXIES=proxies).test_client()
    answer = visitor.get("/login", headers={"X-Forwarded-Proto": "https"})
    secure = "Secure" in answer.headers["Set-Cookie"]
    assert secure == (seen == "https")


def test_closed_connection_is_noticed_before_a_query(make_example: MakeExample) -> None:
    app = make_example()
    with app.app_context():
        assert db.engine.pool._pre_ping
