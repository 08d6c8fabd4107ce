"""``flask apitokens token import``: tokens of another system keep working here.

Two passes read the records. The first one checks everything and writes nothing. If a
record is wrong, the command ends there. The second one hashes the new tokens and
commits them in batches. After an interruption the same command imports the rest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy.exc import OperationalError

from flask_apitokens.core.context import Context
from flask_apitokens.crypto.foreign_digests import DIGESTS
from flask_apitokens.crypto.foreign_digests import PepperSet
from flask_apitokens.crypto.tokens import Hashed
from flask_apitokens.db.engines import gave_way
from flask_apitokens.errors import Conflict
from flask_apitokens.importing import pepper_check
from flask_apitokens.importing import service as import_service
from flask_apitokens.importing.owners import ImportOwner
from flask_apitokens.importing.service import ImportItem
from flask_apitokens.state import current_apitokens

from . import lookups
from . import options
from . import output
from . import session as cli_session
from .import_checks import Defaults
from .import_checks import ImportChecker
from .import_checks import ImportReport
from .import_records import BATCH
from .import_records import Records
from .import_records import read_file
from .import_tables import TokenColumn
from .import_tables import token_column
from .token import token_group

#: wrong records that are printed one by one
MOST_PRINTED = 20
#: attempts to store a batch while another process stores the same names or tokens
_ATTEMPTS = 5
_NO_PEPPER = (
    "Imported tokens are hashed under a pepper, and APITOKENS_PEPPERS is not set in "
    'your configuration. Set it to "2026:SECRET", with any id in front; '
    "make the secret: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The arguments and options of the command, as click passes them."""

    file: str | None
    form: str | None
    table: str | None
    column: str | None
    owner_column: str | None
    expires_column: str | None
    clear: bool
    digest: str | None
    service: str | None
    scopes: tuple[str, ...]
    userless: bool
    account: str | None
    skip_bad: bool
    dry_run: bool
    as_json: bool

    def check_source(self) -> None:
        """Refuse options that do not say where the tokens are, or do so twice.

        :raises click.UsageError: with what to give.
        """
        table = self.table is not None
        of_table = (self.owner_column, self.expires_column, self.clear or None)
        if (self.file is None) != table:
            raise click.UsageError("Say where the tokens are: FILE, or - , or --table.")
        if table != (self.column is not None):
            raise click.UsageError("--table and --column go together.")
        if not table and any(option is not None for option in of_table):
            raise click.UsageError(
                "--clear, --owner-column and --expires-column go with --table."
            )
        if table and self.form is not None:
            raise click.UsageError("--format goes with FILE, not with --table.")


@token_group.command("import")
@options.argument(
    "file",
    metavar="FILE",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file with tokens, or - for stdin.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "csv", "jsonl"]),
    help="The format of FILE; without it, auto detects it.",
)
@click.option("--table", metavar="NAME", help="A table of the application, not a FILE.")
@click.option("--column", metavar="NAME", help="The table's column with the tokens.")
@click.option(
    "--owner-column",
    metavar="NAME",
    help="The table's column with users' primary keys; not needed for the user table.",
)
@click.option(
    "--expires-column", metavar="NAME", help="The table's column with expiry times."
)
@click.option(
    "--clear", is_flag=True, help="Set the column to NULL once a hash is stored."
)
@click.option(
    "--digest",
    type=click.Choice(DIGESTS),
    help="The other system stored this digest of its tokens.",
)
@options.service_option("The service of records that name none.")
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    help="A scope of records that name none; without it, all of the service.",
)
@options.userless_option("Records without an owner are userless tokens.")
@options.account_option("The account of userless tokens; implies --userless.")
@click.option("--skip-bad", is_flag=True, help="Import the others if some are wrong.")
@click.option("--dry-run", is_flag=True, help="Check everything, and write nothing.")
@options.json_option
def import_tokens(**given: Any) -> None:
    """Import the tokens of another system from FILE, from stdin or from a table.

    A CSV file has owner,token[,name,service], or a header with these, scopes and
    expires. JSON Lines have the same names. Owners are named by primary key, email,
    username or name.
    """
    asked = ImportOptions(**given)
    asked.check_source()
    with cli_session.open_context() as ctx:
        defaults = _defaults(ctx, asked)
        column = None
        if asked.table is not None:
            column = token_column(
                ctx,
                table=asked.table,
                column=asked.column or "",
                owner_column=asked.owner_column,
                expires_column=asked.expires_column,
            )
        records = _records(ctx, asked, column)
        if asked.clear and column is not None:
            _check_nullable(column)
        report = _check(ctx, defaults, records)
        if not asked.dry_run and (asked.skip_bad or not report.bad):
            to_clear = column if asked.clear else None
            report = _import(
                ctx, defaults, records, to_clear=to_clear, total=report.imported
            )
    _print_report(report, asked)


def _defaults(ctx: Context, asked: ImportOptions) -> Defaults:
    lookups.check_services(ctx, asked.service, hint="--service")
    if asked.scopes:
        lookups.check_scopes(ctx, asked.service, asked.scopes)
    owner = None
    if asked.userless or asked.account:
        owner = ImportOwner(None, lookups.required_account(ctx, asked.account))
    return Defaults(
        pepper_set=_pepper_set(ctx),
        digest=asked.digest,
        service=asked.service,
        scopes=asked.scopes,
        owner=owner,
        by_key=asked.table is not None,
    )


def _pepper_set(ctx: Context) -> PepperSet:
    """Return the configured peppers.

    :raises click.ClickException: if no pepper is configured, or if stored tokens need
        another one: the same token could then be imported twice.
    """
    peppers = current_apitokens.pepper_set
    if peppers is None:
        raise click.ClickException(_NO_PEPPER)
    needed = pepper_check.needed(ctx.session, ctx.models, now=ctx.now())
    missing = pepper_check.missing(ctx.settings, needed)
    if missing:
        raise click.ClickException(pepper_check.complaint(missing))
    return peppers


def _records(ctx: Context, asked: ImportOptions, column: TokenColumn | None) -> Records:
    if column is not None:
        return lambda: column.records(ctx)
    with click.open_file(asked.file or "-", "rb") as stream:
        return read_file(stream.read(), asked.form or "auto")


def _check_nullable(column: TokenColumn) -> None:
    if not column.can_be_cleared:
        raise click.UsageError(
            "The column cannot be cleared: it has to allow NULL, and a primary key is "
            "never cleared. Without --clear the tokens are imported and stay where "
            "they are."
        )


def _check(ctx: Context, defaults: Defaults, records: Records) -> ImportReport:
    """Check every record, without any change to the database."""
    checker = ImportChecker(ctx, defaults)
    for batch in checker.check_batches(records):
        checker.report.count(batch.new, stored=len(batch.new))
    return checker.report


def _import(
    ctx: Context,
    defaults: Defaults,
    records: Records,
    *,
    to_clear: TokenColumn | None,
    total: int,
) -> ImportReport:
    """Store the new tokens; each batch is committed before the next one is read.

    :param to_clear: the column to take the stored tokens out of.
    :param total: how many tokens the first pass found to import.
    """
    checker = ImportChecker(ctx, defaults)
    report = checker.report
    # bcrypt releases the GIL, so a thread for each core hashes at full speed.
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        for batch in checker.check_batches(records):
            hashes = pool.map(
                lambda item: import_service.hash_item(ctx, item), batch.new
            )
            _store(ctx, list(zip(batch.new, hashes, strict=True)), report)
            if to_clear is not None and batch.stored:
                report.cleared += to_clear.clear(ctx, batch.stored)
                ctx.session.commit()
            if total > BATCH:
                output.print_message(f"{report.imported} of {total} imported")
    except KeyboardInterrupt:
        raise click.ClickException(
            f"Interrupted; {report.imported} tokens were imported. Run it once more."
        ) from None
    finally:
        # Without this, the process would wait at exit for every queued hash.
        pool.shutdown(cancel_futures=True)
    return report


def _store(
    ctx: Context, hashed: Sequence[tuple[ImportItem, Hashed]], report: ImportReport
) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            stored = import_service.store_items(
                ctx, hashed, actor=cli_session.current_actor()
            )
            ctx.session.commit()
        except (Conflict, OperationalError) as error:
            ctx.session.rollback()
            is_lost = isinstance(error, OperationalError) and not gave_way(error)
            if is_lost or attempt == _ATTEMPTS:
                raise
        else:
            report.count([item for item, _hash in hashed], stored=len(stored))
            return


def _print_report(report: ImportReport, asked: ImportOptions) -> None:
    """Print the numbers and the wrong records.

    :raises click.exceptions.Exit: with 1, if a record is wrong and not to be skipped.
    """
    is_refused = bool(report.bad) and not asked.skip_bad
    report.bad.sort()
    if asked.as_json:
        record = {**vars(report), "dry_run": asked.dry_run}
        record["bad"] = [{"line": line, "problem": why} for line, why in report.bad]
        if is_refused:
            record["imported"] = record["weak"] = 0
        output.print_json(record)
    word = "Row" if asked.table is not None else "Line"
    for line, why in report.bad[:MOST_PRINTED]:
        output.print_message(f"{word} {line}: {why}")
    if len(report.bad) > MOST_PRINTED:
        output.print_message(f"… and {len(report.bad) - MOST_PRINTED} more.")
    if is_refused:
        output.print_message(
            f"Nothing was imported: {len(report.bad)} of {report.read} are wrong."
        )
        raise click.exceptions.Exit(1)
    output.print_message(
        f"{'To be imported' if asked.dry_run else 'Imported'}: {report.imported}. "
        f"Known: {report.known}. Deleted before: {report.deleted}. "
        f"Expired: {report.expired}. Wrong: {len(report.bad)}."
    )
    if report.weak:
        output.print_message(
            f"{report.weak} of them are weak: "
            "fewer than 80 bits by length and alphabet."
        )
    if report.cleared:
        output.print_message(f"Cleared: {report.cleared}.")
