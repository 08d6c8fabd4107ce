"""Token strings and their digests."""

from __future__ import annotations

import random
import re
import string
import zlib
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.verification_cache import Verifier

#: token, check digest: ARCHITECTURE 5
VECTORS = [
    (
        "apt_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef31PE6C",
        "d6ad8a2b1174dfca8f3cb760f5e3d532",
    ),
    (
        "solar_zyxwvtsrqpnm_000000000000000000000000000000002gjXOo",
        "01a6ee76740321f053d902c41cf0c637",
    ),
    (
        "apt_7hq2m9x4kd3w_q9ZtR4vN2xLp8KsW1yBc6HdJ5mGf3TaE2h0SKA",
        "d591fbe6c1037a234f7a72049dea42a7",
    ),
]
ID_CHARS = "0123456789abcdefghjkmnpqrstvwxyz"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
SHAPE = re.compile(rf"apt_([{ID_CHARS}]{{12}})_([0-9A-Za-z]{{32}})([0-9A-Za-z]{{6}})")
TOKEN = VECTORS[0][0].encode()
parse = crypto_tokens.parser("apt")

#: what a broken disk, a bad migration or a curious hand leaves in the column
DAMAGED = [
    "",
    "-",
    "$",
    "$2b$",
    "$2b$04$",
    "$2b$04$short",
    "$2b$99$" + "a" * 53,
    "$2b$xx$" + "a" * 53,
    "$2b$²$" + "a" * 53,
    "$2b$04$" + "é" * 53,
    "$2b$04$" + "a" * 20 + "\0" + "a" * 32,
    "$9z$04$" + "a" * 53,
]


def crc(head: str) -> str:
    """The checksum, written out once more."""
    number, digits = zlib.crc32(head.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits.rjust(6, "0")


def sealed(head: str) -> bytes:
    """A token with a right checksum, whatever else is wrong with it."""
    return (head + crc(head)).encode()


# -- the string ---------------------------------------------------------------


@pytest.mark.parametrize(("token", "digest"), VECTORS)
def test_check_digest_matches_the_documented_vectors(token: str, digest: str) -> None:
    brand, public, _ = token.split("_")
    assert crypto_tokens.parser(brand)(token.encode()) == public
    assert crc(token[:-6]) == token[-6:]
    assert crypto_tokens.crc_of(token[:-6].encode()) == token[-6:].encode()
    assert crypto_tokens.check_digest(token.encode()).hex() == digest


def test_minted_tokens_are_unique_valid_and_uniformly_distributed() -> None:
    """VER-17."""
    minted = [crypto_tokens.mint("apt") for _ in range(100_000)]
    assert len({token.id for token in minted}) == 100_000
    texts = [token.plaintext.reveal() for token in minted]
    for public, plaintext in zip((token.id for token in minted), texts, strict=True):
        assert SHAPE.fullmatch(plaintext), plaintext
        assert crc(plaintext[:-6]) == plaintext[-6:]
        assert parse(plaintext.encode()) == public
    # Six standard deviations around what chance does: one false alarm in years.
    secrets = "".join(plaintext[17:-6] for plaintext in texts)
    assert 61 - 50 < chi_square(secrets, BASE62) < 61 + 6 * 11.1
    ids = "".join(token.id for token in minted)
    assert 31 - 28 < chi_square(ids, ID_CHARS) < 31 + 6 * 7.9


def chi_square(text: str, alphabet: str) -> float:
    """How far the characters of *text* are from all being as frequent."""
    counts = Counter(text)
    assert set(counts) == set(alphabet)
    expected = len(text) / len(alphabet)
    return sum((n - expected) ** 2 / expected for n in counts.values())


def test_minted_tokens_do_not_depend_on_the_random_seed() -> None:
    first: list[str] = []
    second: list[str] = []
    for batch in (first, second):
        random.seed(1)
        batch += [crypto_tokens.mint("apt").plaintext.reveal() for _ in range(3)]
    assert not set(first) & set(second)
    assert not hasattr(crypto_tokens, "random")


def test_checksum_detects_every_changed_character() -> None:
    for place, right in enumerate(TOKEN):
        for wrong in BASE62.encode():
            slip = TOKEN[:place] + bytes([wrong]) + TOKEN[place + 1 :]
            assert wrong == right or parse(slip) is None, slip


def test_checksum_detects_every_swap_of_two_characters() -> None:
    for place, (left, right) in enumerate(pairwise(TOKEN)):
        swap = TOKEN[:place] + bytes([right, left]) + TOKEN[place + 2 :]
        assert left == right or parse(swap) is None, swap


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"apt",
        b"apt_",
        TOKEN[:-1],
        TOKEN + b"0",
        b" " + TOKEN,
        TOKEN + b"\n",
        TOKEN.upper(),
        TOKEN[1:],
        sealed("apt_0123456789ab-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("APT_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("solar_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("apt_0123456789a_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("apt_0123456789abc_ABCDEFGHIJKLMNOPQRSTUVWXYZabcde"),
        # characters an id never has: no query for them either
        sealed("apt_0123456789aB_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("apt_0123456789ai_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("apt_0123456789au_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("apt_0123456789a._ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
        sealed("apt_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcde="),
        sealed("apt_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcde_"),
    ],
)
def test_text_of_another_shape_has_no_id(token: bytes) -> None:
    assert parse(token) is None


def test_longest_brand_is_parsed() -> None:
    brand = "a" + "9" * 15
    token = crypto_tokens.mint(brand)
    assert crypto_tokens.parser(brand)(token.plaintext.ascii) == token.id
    assert parse(token.plaintext.ascii) is None


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"apt_" + tail))
def test_parser_accepts_any_bytes(token: bytes) -> None:
    assert parse(token) is None


# -- the digests --------------------------------------------------------------


def test_stored_hash_is_bcrypt_with_its_cost_and_a_fresh_salt() -> None:
    first, second = (crypto_tokens.hash_token(TOKEN, 5) for _ in range(2))
    assert first.startswith("$2b$05$")
    assert first != second
    assert crypto_tokens.verify_hash(TOKEN, first)
    assert not crypto_tokens.verify_hash(TOKEN + b"0", first)
    assert crypto_tokens.rounds_of(first) == 5


def test_characters_after_the_72nd_count() -> None:
    long = b"x" * 100
    for other in (long[:72], long + b"y", b"x\0" + long, b"x\0"):
        stored = crypto_tokens.hash_token(long, 4)
        assert crypto_tokens.verify_hash(long, stored)
        assert not crypto_tokens.verify_hash(other, stored)
    assert not crypto_tokens.verify_hash(b"a\0a", crypto_tokens.hash_token(b"a", 4))


@pytest.mark.parametrize("stored", DAMAGED)
def test_damaged_hash_accepts_no_token(stored: str) -> None:
    assert crypto_tokens.verify_hash(TOKEN, stored) is False
    assert Verifier().verify("0123456789ab", TOKEN, stored=stored) is False
    assert crypto_tokens.rounds_of(stored) in {0, 4, 99}
