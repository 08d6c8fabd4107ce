"""``APITOKENS_PEPPERS``: the secret keys that imported tokens are hashed under.

A pepper has an id and a secret. The id is public: it is stored beside each hash. The
secret is in no error, log line or ``repr``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

#: the length of a secret: 32 characters of base64 are 192 bits
SHORTEST = 32
FEWEST_DIFFERENT = 10
FORM = (
    '"id:secret" strings, the newest first, in a tuple or in one string with commas '
    f"between; an id has 1 to 16 of A-Z a-z 0-9 . _ -, a secret {SHORTEST} characters "
    "or more, such as python -c 'import secrets; print(secrets.token_urlsafe(32))' "
    "prints"
)
_ID = re.compile(r"[A-Za-z0-9._-]{1,16}")
#: words of example settings, in small letters and without punctuation
_PLACEHOLDERS = (
    *("changeme", "changethis", "replaceme", "replacethis", "placeholder", "example"),
    *("yoursecret", "yourpepper", "mysecret", "notasecret", "supersecret", "password"),
    *("dontuse", "donotuse", "todo", "lorem", "0123456789", "abcdefgh", "qwerty"),
)


@dataclass(frozen=True)
class Pepper:
    """A secret key and its public id.

    :param id: appears in the database, in logs and on the command line.
    :param secret: appears nowhere.
    """

    id: str
    secret: bytes = field(repr=False)


def peppers_of(value: Any) -> tuple[Pepper, ...]:
    """Parse ``APITOKENS_PEPPERS``.

    :param value: "id:secret" strings or pairs in a list or tuple, a mapping of ids to
        secrets, or one string with commas between, as in an environment variable.
    :raises ValueError: with what is allowed and the id in question, never a secret.
    """
    peppers = tuple(_pepper(*pair) for pair in _pairs(value))
    ids = [pepper.id for pepper in peppers]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"each id once, and {', '.join(twice)} is there twice")
    if len({pepper.secret for pepper in peppers}) < len(peppers):
        raise ValueError("a secret of its own for each id")
    return peppers


def _pairs(value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, str):
        value = [part for part in re.split(r"[,\s]+", value) if part]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, list | tuple):
        raise ValueError(FORM)
    for item in value:
        # A text without a colon may be a secret whose id was forgotten, so the error
        # does not repeat it.
        pair = item.split(":", 1) if isinstance(item, str) else item
        paired = isinstance(pair, list | tuple) and len(pair) == 2
        if not paired or not all(isinstance(part, str) for part in pair):
            raise ValueError(FORM)
        yield pair[0], pair[1]


def _pepper(name: str, secret: str) -> Pepper:
    if not _ID.fullmatch(name):
        # The text before the colon may be part of a secret whose id was forgotten, so
        # the error does not repeat it.
        raise ValueError(FORM)
    plain = re.sub(r"[^a-z0-9]", "", secret.lower())
    for word in _PLACEHOLDERS:
        if word in plain:
            raise ValueError(f"no placeholder such as “{word}”, as {name} has it")
    if len(secret) < SHORTEST or len(set(secret)) < FEWEST_DIFFERENT:
        raise ValueError(
            f"a random secret of {SHORTEST} characters or more, and that of {name} is "
            "shorter or hardly random"
        )
    return Pepper(name, secret.encode("utf-8", "surrogatepass"))
