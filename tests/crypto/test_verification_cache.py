"""The cache of verified tokens in front of bcrypt."""

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


# -- the cache ----------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the stored hashes that bcrypt was run for."""
    hashes: list[bytes] = []
    really = bcrypt.checkpw

    def ask(password: bytes, stored: bytes) -> bool:
        hashes.append(stored)
        return really(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", ask)
    return hashes


class Gate:
    """A bcrypt that accepts every token, but waits until `open` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.asked: list[str] = []
        # Not bcrypt's own function: what these tests store is not asked of it.
        monkeypatch.setattr(verification_cache, "verify_hash", self._ask)

    def _ask(self, _token: bytes, stored: str) -> bool:
        self.asked.append(stored)
        assert self.open.wait(30)
        return True


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Return a bcrypt that waits until it is released."""
    return Gate(monkeypatch)


def together(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Call *work* in *number* threads at once; return answers or exceptions."""
    start = threading.Barrier(number)

    def run(place: int) -> Any:
        start.wait()
        try:
            return work(place)
        except Exception as error:
            return error

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(run, range(number)))


def test_second_use_does_not_run_bcrypt(asked: list[bytes]) -> None:
    """VER-06."""
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    assert [verifier.verify("id", TOKEN, stored=stored) for _ in range(3)] == [True] * 3
    assert len(asked) == 1


def test_changed_hash_runs_bcrypt_again(asked: list[bytes]) -> None:
    verifier = Verifier()
    old, new = (crypto_tokens.hash_token(TOKEN, 4) for _ in range(2))
    foreign = crypto_tokens.hash_token(b"another token", 4)
    assert verifier.verify("id", TOKEN, stored=old)
    assert verifier.verify("id", TOKEN, stored=new)
    assert not verifier.verify("id", TOKEN, stored=foreign)
    assert asked == [old.encode(), new.encode(), foreign.encode()]


def test_rejected_hash_is_bound_to_the_stored_hash(asked: list[bytes]) -> None:
    verifier = Verifier(size=2)
    foreign = crypto_tokens.hash_token(b"another token", 4)
    for _ in range(3):
        assert not verifier.verify("id", TOKEN, stored=foreign)
    assert len(asked) == 1
    # The row was mended.
    assert verifier.verify("id", TOKEN, stored=crypto_tokens.hash_token(TOKEN, 4))
    # Memory is bounded: the least recent answer goes.
    for number in range(2):
        assert not verifier.verify("id", b"other %d" % number, stored=foreign)
    assert not verifier.verify("id", TOKEN, stored=foreign)
    assert len(asked) == 5


def test_cost_far_above_the_configured_is_not_run(
    asked: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    stored = crypto_tokens.hash_token(TOKEN, 5)
    asked.clear()
    verifier = Verifier(most_rounds=4)
    for _ in range(3):
        assert not verifier.verify("id", TOKEN, stored=stored)
    planted = stored.replace("$05$", "$31$")
    assert not Verifier().verify("id", TOKEN, stored=planted)
    assert asked == []
    assert [r.levelname for r in caplog.records] == ["ERROR", "ERROR"]
    assert "cost of 31" in caplog.text
    assert stored not in caplog.text
    assert Verifier(most_rounds=5).verify("id", TOKEN, stored=stored)


def test_wrong_token_is_cached_as_wrong_and_evicts_nothing(
    asked: list[bytes],
) -> None:
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    assert verifier.verify("id", TOKEN, stored=stored)
    assert not verifier.verify("id", TOKEN[:-1], stored=stored)
    assert not verifier.verify("id", TOKEN[:-1], stored=stored)
    assert verifier.verify("id", TOKEN, stored=stored)
    assert len(asked) == 2


def test_least_recently_used_token_is_evicted_first(asked: list[bytes]) -> None:
    verifier, stored = Verifier(size=2), crypto_tokens.hash_token(TOKEN, 4)
    for public in ("a", "b", "a", "c"):
        assert verifier.verify(public, TOKEN, stored=stored)
    assert len(asked) == 3
    assert verifier.verify("a", TOKEN, stored=stored)
    assert len(asked) == 3
    assert verifier.verify("b", TOKEN, stored=stored)
    assert len(asked) == 4


def test_cache_holds_neither_plaintext_nor_unkeyed_digest() -> None:
    """VER-10."""
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    assert verifier.verify("0123456789ab", TOKEN, stored=stored)
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
    """Return all objects that *root* refers to, without classes and modules."""
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


def test_fifty_concurrent_first_uses_run_bcrypt_once(gate: Gate) -> None:
    """VER-11."""
    verifier = Verifier(timeout=30)

    def open_the_gate() -> None:
        until(lambda: gate.asked)
        gate.open.set()

    opener = threading.Thread(target=open_the_gate)
    opener.start()
    answers = together(50, lambda _: verifier.verify("id", TOKEN, stored="stored"))
    opener.join()
    assert answers == [True] * 50
    assert len(gate.asked) == 1


class Crossing:
    """Replaces ``threading``: calls a function at one chosen turn of a lock."""

    BoundedSemaphore = threading.BoundedSemaphore
    Event = threading.Event

    def __init__(self, turn: str, passes: Callable[[], object]) -> None:
        self._turn = turn
        self._passes = passes
        self.turns: list[str] = []

    def take_turn(self, what: str) -> None:
        """Call the function if this is its turn."""
        self.turns.append(what)
        if f"{what} {self.turns.count(what)}" == self._turn:
            self._passes()

    def Lock(self) -> Any:  # noqa: N802 - the name of a class
        """Return a lock that reports its turns."""
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
def test_first_use_that_ends_during_another_runs_bcrypt_once(
    turn: str, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """VER-11: the second thread reads the cache just before the first one fills it."""
    answers: list[bool] = []

    def use() -> None:
        answers.append(verifier.verify("id", TOKEN, stored=stored))

    monkeypatch.setattr(verification_cache, "threading", Crossing(turn, use))
    verifier, stored = Verifier(), crypto_tokens.hash_token(TOKEN, 4)
    use()
    assert answers == [True, True]
    assert len(asked) == 1


def test_full_queue_refuses_the_next_at_once(gate: Gate) -> None:
    """VER-12: with one worker and one place in the queue, the third is refused."""
    verifier = Verifier(workers=1, waiting=1, timeout=30)
    outcomes: list[object] = []

    def use(public: str) -> None:
        try:
            outcomes.append(verifier.verify(public, TOKEN, stored=public))
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
    assert verifier.verify("d", TOKEN, stored="d")


def test_timeout_in_the_queue_raises_and_frees_its_place(gate: Gate) -> None:
    verifier = Verifier(workers=1, waiting=5, timeout=0.01)
    first = threading.Thread(
        target=verifier.verify, args=("a", TOKEN), kwargs={"stored": "a"}
    )
    first.start()
    until(lambda: gate.asked)
    for public in ("a", "b", "b"):
        with pytest.raises(QueueFull):
            verifier.verify(public, TOKEN, stored=public)
    gate.open.set()
    first.join()
    assert verifier.verify("b", TOKEN, stored="b")


def test_failing_bcrypt_does_not_block_the_next_use(
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
                verifier.verify("id", TOKEN, stored=stored)
    assert verifier.verify("id", TOKEN, stored=stored)


def test_bcrypt_runs_in_the_calling_thread_without_gevent() -> None:
    assert crypto_tokens.run_blocking(threading.get_ident) == threading.get_ident()


# -- forks and gevent ---------------------------------------------------------


def scene(name: str) -> list[Any]:
    """Return what a process of :mod:`tests.verifier_process` printed."""
    told = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.verifier_process", name],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_forked_child_starts_with_an_empty_cache_and_new_key() -> None:
    """VER-10."""
    before, child, child_again, parent = scene("forks")
    assert before[:2] == [True, 1]
    assert child[:2] == [True, 1]
    assert child_again == [True, 0, child[2]]
    assert parent == [True, 0, before[2]]
    assert len(before[2]) == len(child[2]) == 1
    assert before[2] != child[2]


def test_other_greenlets_run_during_bcrypt_under_gevent() -> None:
    """VER-20."""
    assert scene("gevent_checks") == [["turn 0", "turn 1", "turn 2", "checked"]]
    assert scene("gevent_hashes") == [["other", "hashed"]]


def test_queue_of_greenlets_is_served_under_gevent() -> None:
    """VER-11, DEP-06."""
    assert scene("gevent_queues") == [[True, 200, 20]]


@pytest.mark.parametrize("stored", [b"$2b$04$", 4, None, "\ud800"])
def test_stored_value_that_is_no_text_accepts_no_token(stored: Any) -> None:
    assert not Verifier().verify("a", TOKEN, stored=stored)


def test_cost_with_a_sign_is_not_run(asked: list[bytes]) -> None:
    stored = crypto_tokens.hash_token(TOKEN, 4).replace("$04$", "$+5$")
    assert not Verifier().verify("a", TOKEN, stored=stored)
    assert not asked
