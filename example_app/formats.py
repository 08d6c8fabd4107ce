"""Responses with samples as CSV or JSON."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC
from datetime import datetime

from flask import Response
from flask import jsonify
from flask import request

from example_app.problems import ParameterError
from example_app.solar import SOURCES
from example_app.solar import Place
from example_app.solar import Sample

_MIMETYPES = {"json": "application/json", "csv": "text/csv"}
_COLUMNS = ("time", "ghi", "dni", "dhi")


def answer(place: Place, samples: Iterable[Sample]) -> Response:
    """Return the samples in the format that `?format=` or `Accept` asks for.

    :raises ParameterError: if `?format=` has another value.
    """
    if _wanted() == "csv":
        return _csv(samples)
    return _json(place, samples)


def _wanted() -> str:
    named = request.args.get("format")
    if named is None:
        best = request.accept_mimetypes.best_match(_MIMETYPES.values())
        return "csv" if best == _MIMETYPES["csv"] else "json"
    if named not in _MIMETYPES:
        raise ParameterError("format", "csv or json is needed.")
    return named


def _csv(samples: Iterable[Sample]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(sample) for sample in samples)
    return Response(text.getvalue(), mimetype=_MIMETYPES["csv"])


def _json(place: Place, samples: Iterable[Sample]) -> Response:
    return jsonify(
        latitude=place.latitude,
        longitude=place.longitude,
        units="W/m²",
        interval="one hour from the time given (UTC); values are those of its middle",
        source=SOURCES,
        values=[dict(zip(_COLUMNS, _row(sample), strict=True)) for sample in samples],
    )


def _row(sample: Sample) -> tuple[str, float, float, float]:
    return _iso(sample.time), sample.ghi, sample.dni, sample.dhi


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
