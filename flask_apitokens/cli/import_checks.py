"""The check of records to import: which are new, known, or wrong."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from itertools import islice
from typing import Any
from typing import Literal

import click

from flask_apitokens.core.context import Context
from flask_apitokens.core.text import is_text
from flask_apitokens.core.utc import end_of_day
from flask_apitokens.core.utc import parse_day
from flask_apitokens.core.utc import parse_moment
from flask_apitokens.crypto.foreign_digests import PepperSet
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.errors import DomainError
from flask_apitokens.importing import service as import_service
from flask_apitokens.importing.owners import ImportOwner
from flask_apitokens.importing.owners import import_owner
from flask_apitokens.importing.service import ExistingImport
from flask_apitokens.importing.service import ImportItem

from . import lookups
from .import_records import BATCH
from .import_records import Record
from .import_records import Records
from .output import printable

#: by the name of an owner: the owner, or the sentence that says what is wrong
Owners = dict[Any, ImportOwner | str]
Outcome = Literal["new", "known", "deleted", "expired"]
#: Years that Python does not have, or in UTC no longer: PostgreSQL has them.
_FAR_YEAR = re.compile(r"^([1-9][0-9]{4,6}(?=-[0-9]{2}-[0-9]{2})|9999(?=-12-31))")


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """The options for every record, and defaults for what a record does not have.

    :param digest: the digest that the tokens are; None for the tokens themselves.
    :param owner: the owner of records without one; None if each record needs one.
    :param by_key: whether a record names its owner by primary key and nothing else.
    """

    pepper_set: PepperSet
    digest: str | None
    service: str | None
    scopes: tuple[str, ...]
    owner: ImportOwner | None
    by_key: bool


@dataclass
class ImportReport:
    """The number of records by outcome; ``--json`` prints these names.

    :param known: already imported, or more than once among the records.
    :param deleted: imported before and deleted since; they are not imported again.
    :param bad: the number of each wrong record, and what is wrong.
    """

    read: int = 0
    imported: int = 0
    known: int = 0
    deleted: int = 0
    expired: int = 0
    weak: int = 0
    cleared: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)

    def count(self, items: Sequence[ImportItem], *, stored: int) -> None:
        """Count new tokens.

        :param stored: how many were stored; another process stored the others first.
        """
        self.imported += stored
        self.known += len(items) - stored
        self.weak += sum(item.strength == "weak" for item in items)


@dataclass
class CheckedBatch:
    """Some records after the check.

    :param new: the tokens to store.
    :param stored: by the primary key of the row, each token whose hash is stored then.
    """

    new: list[ImportItem] = field(default_factory=list)
    stored: dict[Any, str] = field(default_factory=dict, repr=False)


class ImportChecker:
    """Checks records batch by batch, and counts the outcomes in ``report``."""

    def __init__(self, ctx: Context, defaults: Defaults) -> None:
        self.report = ImportReport()
        self._ctx = ctx
        self._defaults = defaults
        #: by its digest, the key of the owner of each token seen so far
        self._seen: dict[bytes, tuple[Any, str]] = {}

    def check_batches(self, records: Records) -> Iterator[CheckedBatch]:
        """Yield the records in checked batches, with no transaction open."""
        remaining = records()
        while batch := list(islice(remaining, BATCH)):
            checked = self.check_batch(batch)
            # Hashing a batch takes seconds. No lock is held meanwhile.
            self._ctx.session.rollback()
            yield checked

    def check_batch(self, records: Sequence[Record]) -> CheckedBatch:
        """Sort some records by outcome and count them."""
        names = {record.owner for record in records if record.owner not in (None, "")}
        owners = find_import_owners(self._ctx, names, by_key=self._defaults.by_key)
        items: list[tuple[Record, ImportItem]] = []
        for record in records:
            self.report.read += 1
            try:
                items.append((record, self._item(record, owners)))
            except DomainError as error:
                self.report.bad.append((record.number, printable(error.message)))
        known = import_service.existing_imports(
            self._ctx, [item for _record, item in items]
        )
        batch = CheckedBatch()
        for record, item in items:
            try:
                outcome = self._outcome(item, known)
            except DomainError as error:
                self.report.bad.append((record.number, error.message))
                continue
            if outcome == "new":
                batch.new.append(item)
            else:
                number = getattr(self.report, outcome)
                setattr(self.report, outcome, number + 1)
            if outcome != "expired":
                batch.stored[record.key] = record.token
        return batch

    def _item(self, record: Record, owners: Owners) -> ImportItem:
        if record.problem:
            raise DomainError(record.problem)
        owner = owners.get(record.owner, self._defaults.owner)
        if owner is None:
            raise DomainError("it has no owner; give --userless if it acts for no user")
        if isinstance(owner, str):
            raise DomainError(owner)
        return import_service.checked_item(
            self._ctx,
            Plaintext(record.token),
            pepper_set=self._defaults.pepper_set,
            owner=owner,
            digest=self._defaults.digest,
            name=record.name,
            service=record.service or self._defaults.service,
            scopes=record.scopes.split() or self._defaults.scopes,
            expires_at=_expires_at(record),
        )

    def _outcome(self, item: ImportItem, known: dict[bytes, ExistingImport]) -> Outcome:
        """Return what becomes of a token.

        :raises DomainError: if the same token belongs to another owner.
        """
        digest, owner = item.keyed_digest.digest, item.owner.key
        is_repeated = digest in self._seen
        if self._seen.setdefault(digest, owner) != owner:
            raise DomainError("the same token is there for another owner")
        if is_repeated:
            return "known"
        existing = import_service.existing_import(item, known)
        if existing is not None:
            return "known" if existing.token_id else "deleted"
        if item.expires_at is not None and item.expires_at <= self._ctx.now():
            return "expired"
        return "new"


def _expires_at(record: Record) -> datetime | None:
    """Return the expiry of a record; None for never.

    :raises DomainError: if it is no moment.
    """
    text = record.expires
    if not text or text.lower() in {"never", "infinity"}:
        return None
    known, is_far = _FAR_YEAR.subn("2000", text)
    try:
        day = parse_day(known)
        moment = parse_moment(known) if day is None else end_of_day(day)
        return None if is_far else moment
    except (ValueError, OverflowError):
        raise DomainError(
            "its expiry is not in the form 2027-01-31, 2027-01-31T12:00Z or never"
        ) from None


def find_import_owners(
    ctx: Context, names: Collection[Any], *, by_key: bool = False
) -> Owners:
    """Return the owner of each name: a primary key, email, username or name.

    :param by_key: whether the names are primary keys and nothing else.
    """
    labels = [] if by_key else lookups.label_attributes(ctx)
    texts = {text for name in names if is_text(text := str(name))}
    users: dict[str, list[Any]] = {}
    for user in lookups.users_named(ctx, texts, by_key=by_key):
        values = {getattr(user, label.key) for label in labels}
        for text in {ctx.key_text(user), *filter(None, values)}:
            users.setdefault(text, []).append(user)
    return {
        name: _one_owner(ctx, name, users.get(str(name), []), by_key=by_key)
        for name in names
    }


def _one_owner(
    ctx: Context, name: Any, users: Sequence[Any], *, by_key: bool
) -> ImportOwner | str:
    if len(users) > 1:
        return "its owner is more than one user"
    if by_key and not users:
        return "no user has the key of its owner"
    try:
        # Names above were compared exactly. A database may ignore the case of letters,
        # so a name without an exact match is looked up once more, alone.
        user = users[0] if users else lookups.find_owner(ctx, str(name))
        return import_owner(ctx, user)
    except click.BadParameter:
        # The error's own message repeats the name, which may be a token if two columns
        # of the file were swapped.
        return "no user, or more than one, has its owner's key, email, username or name"
    except DomainError as error:
        return error.message
