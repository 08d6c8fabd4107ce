"""The memory of bcrypt's yes."""

from __future__ import annotations

import gc
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto import verification_cache
from flask_apitokens.crypto.verification_cache import QueueFull
from flask_apitokens.crypto.verification_cache import Verifier
from tests.recording import until

TOKEN = b"apt_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef31PE6C"


# -- the memory ---------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The stored hashes bcrypt was asked about."""
    hashes: list[bytes] = []
    really = bcrypt.checkpw

    def ask(password: bytes, stored: bytes) -> bool:
        hashes.append(stored)
        return really(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", ask)
    return hashes


class Gate:
    """A bcrypt that says yes, but not before it is let through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.asked: list[bytes] = []
        monkeypatch.setattr(bcrypt, "checkpw", self._ask)

    def _ask(self, _password: bytes, stored: bytes) -> bool:
        self.asked.append(stored)
        assert self.open.wait(30)
        return True


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A bcrypt that waits."""
    return Gate(monkeypatch)


def together(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Call *work* in as many threads at once; answers or exceptions, in order."""
    start = threading.Barrier(number)

    def run(place: int) -> Any:
        start.wait()
        try:
            return work(place)
        except Exception as error:
            return error

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(run, range(number)))


def test_the_second_use_asks_bcrypt_no_more(asked: list[bytes]) -> None:
    """VER-06."""
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    assert [verifier.verify("id", TOKEN, stored) for _ in range(3)] == [True] * 3
    assert len(asked) == 1


def test_another_stored_hash_asks_bcrypt_again(asked: list[bytes]) -> None:
    verifier = Verifier()
    old, new = (crypto_tokens.hash_token(TOKEN, 4) for _ in range(2))
    foreign = crypto_tokens.hash_token(b"another token", 4)
    assert verifier.verify("id", TOKEN, old)
    assert verifier.verify("id", TOKEN, new)
    assert not verifier.verify("id", TOKEN, foreign)
    assert asked == [old.encode(), new.encode(), foreign.encode()]


def test_a_wrong_token_is_never_remembered_and_spoils_nothing(
    asked: list[bytes],
) -> None:
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    assert verifier.verify("id", TOKEN, stored)
    assert not verifier.verify("id", TOKEN[:-1], stored)
    assert not verifier.verify("id", TOKEN[:-1], stored)
    assert len(asked) == 3
    assert verifier.verify("id", TOKEN, stored)
    assert len(asked) == 3


def test_the_longest_unused_is_forgotten_first(asked: list[bytes]) -> None:
    verifier, stored = Verifier(size=2), crypto_tokens.hash_token(TOKEN, 4)
    for public in ("a", "b", "a", "c"):
        assert verifier.verify(public, TOKEN, stored)
    assert len(asked) == 3
    assert verifier.verify("a", TOKEN, stored)
    assert len(asked) == 3
    assert verifier.verify("b", TOKEN, stored)
    assert len(asked) == 4


def test_nothing_in_the_memory_tells_of_the_token() -> None:
    """VER-10."""
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    assert verifier.verify("0123456789ab", TOKEN, stored)
    kept = [value for value in reachable(verifier) if isinstance(value, bytes)]
    assert any(len(value) >= 16 for value in kept)
    digests = {
        hashlib.new(name, material).digest()[:16]
        for name in ("sha256", "sha1", "md5", "sha512", "blake2b", "blake2s")
        for material in (TOKEN, TOKEN[17:], TOKEN[17:-6], TOKEN + stored.encode())
    }
    for value in kept:
        assert TOKEN[17:-6] not in value
        assert value[:16] not in digests


def reachable(root: object) -> list[object]:
    """All that *root* holds, and what that holds, but for classes and modules."""
    seen: dict[int, object] = {}
    todo: list[object] = [root]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, type | type(sys)):
            continue
        if callable(thing):
            continue
        seen[id(thing)] = thing
        todo += gc.get_referents(thing)
    return list(seen.values())


def test_fifty_first_uses_at_once_are_one_question(gate: Gate) -> None:
    """VER-11."""
    verifier = Verifier(patience=30)

    def open_the_gate() -> None:
        until(lambda: gate.asked)
        gate.open.set()

    opener = threading.Thread(target=open_the_gate)
    opener.start()
    answers = together(50, lambda _: verifier.verify("id", TOKEN, "stored"))
    opener.join()
    assert answers == [True] * 50
    assert len(gate.asked) == 1


class Crossing:
    """Stands for ``threading``: at one turn of a lock something else passes first."""

    BoundedSemaphore = threading.BoundedSemaphore
    Event = threading.Event

    def __init__(self, turn: str, passes: Callable[[], object]) -> None:
        self._turn = turn
        self._passes = passes
        self.turns: list[str] = []

    def take_turn(self, what: str) -> None:
        """Let the other pass, if this is the turn."""
        self.turns.append(what)
        if f"{what} {self.turns.count(what)}" == self._turn:
            self._passes()

    def Lock(self) -> Any:  # noqa: N802 - it stands for a class
        """A lock that tells of its turns."""
        lock, crossing = threading.Lock(), self

        class Told:
            def __enter__(self) -> None:
                crossing.take_turn("before")
                lock.acquire()

            def __exit__(self, *_: object) -> None:
                lock.release()
                crossing.take_turn("after")

        return Told()


@pytest.mark.parametrize("turn", ["before 1", "after 2"])
def test_two_first_uses_that_cross_are_one_question(
    turn: str, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """VER-11: one looks into the memory while the other's answer is on its way."""
    answers: list[bool] = []

    def use() -> None:
        answers.append(verifier.verify("id", TOKEN, stored))

    monkeypatch.setattr(verification_cache, "threading", Crossing(turn, use))
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    use()
    assert answers == [True, True]
    assert len(asked) == 1


def test_when_too_many_wait_the_next_is_told_at_once(gate: Gate) -> None:
    """VER-12: one at work, one waits, the third is one too many."""
    verifier = Verifier(workers=1, waiting=1, patience=30)
    outcomes: list[object] = []

    def use(public: str) -> None:
        try:
            outcomes.append(verifier.verify(public, TOKEN, public))
        except QueueFull as busy:
            outcomes.append(busy)

    threads = [threading.Thread(target=use, args=(name,)) for name in "abc"]
    threads[0].start()
    until(lambda: gate.asked)
    for thread in threads[1:]:
        thread.start()
    until(lambda: outcomes)
    assert [type(outcome) for outcome in outcomes] == [QueueFull]
    gate.open.set()
    for thread in threads:
        thread.join()
    assert outcomes[1:] == [True, True]
    assert verifier.verify("d", TOKEN, "d")


def test_who_waits_too_long_is_told_and_leaves_no_trace(gate: Gate) -> None:
    verifier = Verifier(workers=1, waiting=5, patience=0.01)
    first = threading.Thread(target=verifier.verify, args=("a", TOKEN, "a"))
    first.start()
    until(lambda: gate.asked)
    for public in ("a", "b", "b"):
        with pytest.raises(QueueFull):
            verifier.verify(public, TOKEN, public)
    gate.open.set()
    first.join()
    assert verifier.verify("b", TOKEN, "b")


def test_a_check_that_breaks_down_does_not_block_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verifier, stored = (
        Verifier(workers=1, waiting=0),
        crypto_tokens.hash_token(TOKEN, 4),
    )

    def break_down(*_: bytes) -> bool:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(bcrypt, "checkpw", break_down)
        for _ in range(3):
            with pytest.raises(MemoryError):
                verifier.verify("id", TOKEN, stored)
    assert verifier.verify("id", TOKEN, stored)


def test_without_gevent_bcrypt_stays_in_its_thread() -> None:
    assert crypto_tokens.run_blocking(threading.get_ident) == threading.get_ident()


# -- forks and gevent ---------------------------------------------------------


def scene(name: str) -> list[Any]:
    """What a process of :mod:`tests.verifier_process` has to tell."""
    told = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.verifier_process", name],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_a_fork_begins_with_nothing_and_a_key_of_its_own() -> None:
    """VER-10."""
    before, child, child_again, parent = scene("forks")
    assert before[:2] == [True, 1]
    assert child[:2] == [True, 1]
    assert child_again == [True, 0, child[2]]
    assert parent == [True, 0, before[2]]
    assert len(before[2]) == len(child[2]) == 1
    assert before[2] != child[2]


def test_under_gevent_others_have_their_turn_while_bcrypt_works() -> None:
    """VER-20."""
    assert scene("gevent_checks") == [["turn 0", "turn 1", "turn 2", "checked"]]
    assert scene("gevent_hashes") == [["other", "hashed"]]


def test_under_gevent_a_queue_of_greenlets_moves_on() -> None:
    """VER-11, DEP-06."""
    assert scene("gevent_queues") == [[True, 200, 20]]
