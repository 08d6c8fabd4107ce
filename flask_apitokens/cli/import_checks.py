"""Records to import, looked at: what is new, what is here already, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any

import click

from flask_apitokens.core.context import Context
from flask_apitokens.crypto.foreign_digests import PepperSet
from flask_apitokens.errors import DomainError
from flask_apitokens.importing import service as import_service
from flask_apitokens.importing.service import ImportItem
from flask_apitokens.importing.service import ImportOwner

from . import output
from .arguments import expiry
from .import_owners import import_owners
from .import_records import Record


@dataclass(frozen=True)
class Plan:
    """What is the same for every record.

    :param holder: of records without an owner; none where each needs one.
    """

    pepper_set: PepperSet
    digest: str | None
    service: str | None
    scopes: tuple[str, ...]
    holder: ImportOwner | None
    by_key: bool


@dataclass
class ImportReport:
    """What became of the records, in numbers.

    :param known: were here already, or stood there twice.
    :param deleted: were imported before and deleted since; they stay so.
    """

    read: int = 0
    imported: int = 0
    known: int = 0
    deleted: int = 0
    expired: int = 0
    weak: int = 0
    cleared: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Batch:
    """Some records, looked at.

    :param fresh: what is to be stored.
    :param safe: the tokens that will be here as hashes then, by the key of their row.
    """

    fresh: list[ImportItem] = field(default_factory=list)
    safe: dict[Any, str] = field(default_factory=dict, repr=False)


def weak_of(several: Iterable[ImportItem]) -> int:
    """How many of them are weak."""
    return sum(wanted.strength == "weak" for wanted in several)


def check_batch(
    ctx: Context,
    plan: Plan,
    records: list[Record],
    seen: dict[bytes, tuple[Any, str]],
    report: ImportReport,
) -> Batch:
    """Sort some records: what to store, what is here, what is wrong."""
    names = {record.owner for record in records if record.owner not in (None, "")}
    holders = import_owners(ctx, names, by_key=plan.by_key)
    wanted: list[tuple[Record, ImportItem]] = []
    for record in records:
        report.read += 1
        try:
            holder = _holder(plan, record, holders)
            wanted.append((record, _wanted(ctx, plan, record, holder)))
        except DomainError as error:
            report.bad.append((record.number, output.printable(error.message)))
    known = import_service.existing_imports(ctx, [one for _record, one in wanted])
    batch = Batch()
    for record, one in wanted:
        try:
            word = _sort(ctx, one, known, seen)
        except DomainError as error:
            report.bad.append((record.number, error.message))
            continue
        if word == "fresh":
            batch.fresh.append(one)
        else:
            setattr(report, word, getattr(report, word) + 1)
        if word != "expired":
            batch.safe[record.key] = record.token
    return batch


def _holder(
    plan: Plan, record: Record, holders: dict[Any, ImportOwner | str]
) -> ImportOwner:
    if record.problem:
        raise DomainError(record.problem)
    holder = holders.get(record.owner, plan.holder)
    if holder is None:
        raise DomainError("it has no owner; give --userless if it acts for nobody")
    if isinstance(holder, str):
        raise DomainError(holder)
    return holder


def _wanted(
    ctx: Context, plan: Plan, record: Record, holder: ImportOwner
) -> ImportItem:
    return import_service.checked_item(
        ctx,
        plan.pepper_set,
        holder,
        record.token,
        digest=plan.digest,
        name=record.name,
        service=record.service or plan.service,
        scopes=record.scopes.split() or plan.scopes,
        expires_at=_expires(record),
    )


def _expires(record: Record) -> datetime | None:
    if not record.expires:
        return None
    try:
        moment = expiry(record.expires)
    except click.BadParameter:
        raise DomainError(
            "its expiry is none of 2027-01-31, 2027-01-31T12:00Z and never"
        ) from None
    return moment if isinstance(moment, datetime) else None


def _sort(
    ctx: Context,
    wanted: ImportItem,
    known: dict[bytes, import_service.ExistingImport],
    seen: dict[bytes, tuple[Any, str]],
) -> str:
    """ "fresh", or the field of :class:`ImportReport` that counts it.

    :raises DomainError: if the token is somebody else's.
    """
    digest, key = wanted.keyed_digest.digest, wanted.holder.key
    again = digest in seen
    if seen.setdefault(digest, key) != key:
        raise DomainError("the same token stands there for somebody else")
    if again:
        return "known"
    before = import_service.existing_import(wanted, known)
    if before is not None:
        return "known" if before.token_id else "deleted"
    if wanted.expires_at is not None and wanted.expires_at <= ctx.now():
        return "expired"
    return "fresh"
