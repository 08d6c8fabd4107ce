"""A process that verifies, for tests of forks and of gevent.

``python -m tests.verifier_process WHAT``; what there is to tell goes to standard
output, one JSON value a line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import gevent
from gevent import monkey

if __name__ == "__main__" and sys.argv[1].startswith("gevent"):
    monkey.patch_all()

import bcrypt  # noqa: E402

from flask_apitokens.crypto import tokens as crypto_tokens  # noqa: E402
from flask_apitokens.crypto.verification_cache import Verifier  # noqa: E402

TOKEN = b"a token"
asked: list[bytes] = []


def say(value: Any) -> None:
    """Tell the test."""
    print(json.dumps(value), flush=True)


def count_questions() -> None:
    """Note each stored hash that bcrypt is asked about."""
    really = bcrypt.checkpw

    def ask(password: bytes, stored: bytes) -> bool:
        asked.append(stored)
        return really(password, stored)

    setattr(bcrypt, "checkpw", ask)  # noqa: B010 - a function is no variable to mypy


def forks() -> None:
    """Fork with a warm cache; tell who runs bcrypt, and what each cache holds."""
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)

    def use() -> list[Any]:
        asked.clear()
        answer = verifier.verify("id", TOKEN, stored=stored)
        digests = [digest.hex() for digest in verifier._cache.verified.values()]
        return [answer, len(asked), digests]

    say(use())
    child = os.fork()
    if child == 0:
        say(use())
        say(use())
        os._exit(0)
    os.waitpid(child, 0)
    say(use())


def gevent_checks() -> None:
    """Check at cost 12 while another greenlet has something to do."""
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 12)
    order: list[str] = []

    def check() -> None:
        assert verifier.verify("id", TOKEN, stored=stored)
        order.append("checked")

    def turn() -> None:
        for number in range(3):
            gevent.sleep(0)
            order.append(f"turn {number}")

    gevent.joinall([gevent.spawn(check), gevent.spawn(turn)], raise_error=True)
    say(order)


def gevent_queues() -> None:
    """Verify with many greenlets and few workers: bcrypt runs once for each token."""
    verifier = Verifier(workers=2, timeout=60)
    tokens = [b"token %d" % number for number in range(20)]
    stored = {token: crypto_tokens.hash_token(token, 4) for token in tokens}
    asked.clear()
    uses = [
        gevent.spawn(verifier.verify, token.decode(), token, stored=stored[token])
        for token in tokens * 10
    ]
    gevent.joinall(uses, raise_error=True)
    say([all(use.value for use in uses), len(uses), len(asked)])


def gevent_hashes() -> None:
    """Hash off the hub too."""
    order: list[str] = []

    def hash_one() -> None:
        crypto_tokens.run_blocking(crypto_tokens.hash_token, TOKEN, 12)
        order.append("hashed")

    def be_there() -> None:
        order.append("other")

    gevent.joinall([gevent.spawn(hash_one), gevent.spawn(be_there)], raise_error=True)
    say(order)


SCENES: dict[str, Callable[[], None]] = {
    scene.__name__: scene
    for scene in (forks, gevent_checks, gevent_queues, gevent_hashes)
}

if __name__ == "__main__":
    count_questions()
    SCENES[sys.argv[1]]()
