"""``flask apitokens token import``: another system's tokens go on working here.

First everything is read and checked, and nothing written while a single line is wrong.
Then it is read again, hashed and committed a hundred at a time: interrupted, it is
simply started once more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import click
from flask.cli import with_appcontext

from flask_apitokens.core.context import Context
from flask_apitokens.crypto.foreign_digests import DIGESTS
from flask_apitokens.crypto.foreign_digests import PepperSet
from flask_apitokens.errors import Conflict
from flask_apitokens.importing import pepper_check
from flask_apitokens.importing import service as import_service
from flask_apitokens.importing.service import ImportItem
from flask_apitokens.importing.service import ImportOwner
from flask_apitokens.state import commit
from flask_apitokens.state import current_apitokens

from . import output
from . import session as cli_session
from .arguments import check_account
from .arguments import check_account_named
from .arguments import check_scopes
from .arguments import check_services
from .arguments import json_option
from .import_checks import ImportReport
from .import_checks import Plan
from .import_checks import check_batch
from .import_checks import weak_of
from .import_records import BATCH
from .import_records import Record
from .import_records import Records
from .import_records import Source
from .import_records import records_of_text
from .import_records import source_of
from .output import say

#: wrong lines that are told one by one
MOST_TOLD = 20
#: how often a batch is tried while others store the same names and tokens
_TRIES = 5
_NO_PEPPER = (
    "Imported tokens are hashed under a pepper, and APITOKENS_PEPPERS is not set in "
    'your configuration. Set it to "2026:SECRET", with any id in front; '
    "make the secret: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
)


@click.command("import")
@click.argument(
    "file",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--format", "form", type=click.Choice(["auto", "csv", "jsonl"]))
@click.option("--table", metavar="NAME", help="Instead of a file: a table of yours …")
@click.option("--column", metavar="NAME", help="… and its column with the tokens.")
@click.option("--owner-column", metavar="NAME", help="Its column with users' keys.")
@click.option("--expires-column", metavar="NAME", help="Its column with their ends.")
@click.option("--clear", is_flag=True, help="Null the column once hashes are stored.")
@click.option(
    "--digest", type=click.Choice(DIGESTS), help="They are digests of tokens."
)
@click.option("--service", metavar="SERVICE", help="The service of those with none.")
@click.option(
    "--scope", "scopes", multiple=True, help="What they may do; default, all."
)
@click.option("--userless", is_flag=True, help="Those without an owner are nobody's.")
@click.option("--account", metavar="ID", help="The account of userless tokens.")
@click.option("--skip-bad", is_flag=True, help="Import the others if some are wrong.")
@click.option("--dry-run", is_flag=True, help="Check everything, write nothing.")
@json_option
@with_appcontext
def import_tokens(
    *,
    file: str | None,
    form: str | None,
    table: str | None,
    column: str | None,
    owner_column: str | None,
    expires_column: str | None,
    clear: bool,
    digest: str | None,
    service: str | None,
    scopes: tuple[str, ...],
    userless: bool,
    account: str | None,
    skip_bad: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take in tokens of another system from FILE, or from stdin with -.

    CSV: owner,token[,name,service], or a header with these, scopes and expires. JSON
    Lines have the same names. Owners are named by key, email, username or name.
    """
    of_table = (owner_column, expires_column, clear or None)
    _check_where(file, form, table, column, of_table=of_table)
    check_account(account)
    with cli_session.reading() as ctx:
        check_services(ctx, service, hint="--service")
        if scopes:
            check_scopes(ctx, service, scopes)
        nobody = ImportOwner(None, account or "") if userless or account else None
        if nobody is not None and ctx.callbacks.has_accounts:
            check_account_named(ctx, account)
        pepper_set = _pepper_set(ctx)
        plan = Plan(pepper_set, digest, service, scopes, nobody, table is not None)
        source = None
        if table is not None:
            engine = current_apitokens.engine
            source = source_of(
                *(ctx, engine, table, column or ""),
                owner_column=owner_column,
                expires_column=expires_column,
            )
        records = _records(ctx, file, form, source)
        if clear and source is not None:
            _check_clearing(source)
        checked = _checked(ctx, plan, records)
        if not dry_run and (skip_bad or not checked.bad):
            checked = _run(ctx, plan, records, source if clear else None, checked)
    word = "Row" if table is not None else "Line"
    _tell(checked, word, dry_run=dry_run, skip_bad=skip_bad, as_json=as_json)


def _check_where(
    file: str | None,
    form: str | None,
    table: str | None,
    column: str | None,
    *,
    of_table: Iterable[object],
) -> None:
    if (file is None) == (table is None):
        raise click.UsageError("Say where the tokens are: FILE, or - , or --table.")
    if (table is None) != (column is None):
        raise click.UsageError("--table and --column go together.")
    if table is None and any(option is not None for option in of_table):
        raise click.UsageError(
            "--clear, --owner-column and --expires-column go with --table."
        )
    if table is not None and form is not None:
        raise click.UsageError("--format is of a file.")


def _pepper_set(ctx: Context) -> PepperSet:
    """The peppers, all that are needed.

    :raises ClickException: without any, and without one that tokens here need.
    """
    state = current_apitokens
    said = ""
    if state.pepper_set is not None:
        session, models = ctx.session, ctx.models
        where = pepper_check.needed(session, models, now=ctx.now())
        lacking = pepper_check.missing(ctx.settings, where)
        said = pepper_check.complaint(lacking) if lacking else ""
    if state.pepper_set is None or said:
        raise click.ClickException(said or _NO_PEPPER)
    return state.pepper_set


def _records(
    ctx: Context, file: str | None, form: str | None, source: Source | None
) -> Records:
    if source is not None:
        return lambda: source.records(ctx)
    with click.open_file(file or "-", "rb") as stream:
        return records_of_text(stream.read(), form or "auto")


def _check_clearing(source: Source) -> None:
    if not source.token.nullable:
        raise click.UsageError(
            "The column cannot be cleared: it has to allow NULL. Without --clear the "
            "tokens are imported and stay where they are."
        )


def _batches(records: Records) -> Iterator[list[Record]]:
    every = records()
    while batch := list(islice(every, BATCH)):
        yield batch


def _checked(ctx: Context, plan: Plan, records: Records) -> ImportReport:
    """Look at everything once, and write nothing."""
    report, seen = ImportReport(), dict[bytes, tuple[Any, str]]()
    for some in _batches(records):
        batch = check_batch(ctx, plan, some, seen, report)
        report.imported += len(batch.fresh)
        report.weak += weak_of(batch.fresh)
        ctx.session.rollback()
    return report


def _run(
    ctx: Context,
    plan: Plan,
    records: Records,
    clear: Source | None,
    checked: ImportReport,
) -> ImportReport:
    """Store what is not here yet; each batch is committed before the next is read."""
    report, seen = ImportReport(), dict[bytes, tuple[Any, str]]()
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        for some in _batches(records):
            batch = check_batch(ctx, plan, some, seen, report)
            # Nobody waits for a lock of ours while bcrypt takes its time.
            ctx.session.rollback()
            hashes = pool.map(
                lambda item: import_service.hash_item(ctx, item), batch.fresh
            )
            _store(ctx, list(zip(batch.fresh, hashes, strict=True)), report)
            if clear is not None and batch.safe:
                report.cleared += clear.clear(ctx, batch.safe)
                commit(ctx)
            _show_progress(report, checked)
    except KeyboardInterrupt:
        said = f"Interrupted; {report.imported} tokens were imported. Run it once more."
        raise click.ClickException(said) from None
    finally:
        # Threads that nobody waits for would keep the process alive.
        pool.shutdown(cancel_futures=True)
    return report


def _store(
    ctx: Context, fresh: list[tuple[ImportItem, str]], report: ImportReport
) -> None:
    for left in reversed(range(_TRIES)):
        try:
            made = import_service.add(ctx, fresh, actor=cli_session.actor())
            commit(ctx)
        except Conflict:
            ctx.session.rollback()
            if not left:
                raise
            continue
        break
    report.imported += len(made)
    report.known += len(fresh) - len(made)
    report.weak += weak_of(item for item, _hash in fresh)


def _show_progress(report: ImportReport, checked: ImportReport) -> None:
    if checked.imported > BATCH:
        say(f"{report.imported} of {checked.imported} imported")


def _tell(
    report: ImportReport, what: str, *, dry_run: bool, skip_bad: bool, as_json: bool
) -> None:
    """The summary.

    :param what: a line or a row, in a word.
    :raises Exit: with 1, if a line was wrong and not to be skipped.
    """
    refused = bool(report.bad) and not skip_bad
    report.bad.sort()
    if as_json:
        facts = {**vars(report), "dry_run": dry_run}
        facts["bad"] = [{"line": line, "problem": why} for line, why in report.bad]
        if refused:
            facts["imported"] = facts["weak"] = 0
        output.show_json(facts)
    for line, why in report.bad[:MOST_TOLD]:
        say(f"{what} {line}: {why}")
    if len(report.bad) > MOST_TOLD:
        say(f"… and {len(report.bad) - MOST_TOLD} more.")
    if refused:
        say(f"Nothing was imported: {len(report.bad)} of {report.read} are wrong.")
        raise click.exceptions.Exit(1)
    word = "To be imported" if dry_run else "Imported"
    say(
        f"{word}: {report.imported}. Known: {report.known}. Deleted before: "
        f"{report.deleted}. Expired: {report.expired}. Wrong: {len(report.bad)}."
    )
    if report.weak:
        say(
            f"{report.weak} of them are weak: "
            "fewer than 80 bits by length and alphabet."
        )
    if report.cleared:
        say(f"Cleared: {report.cleared}.")
