"""The data services: routes under `/api` that the plugin guards."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from flask import Blueprint
from flask import Response
from flask import request

from example_app import formats
from example_app.period import Period
from example_app.period import read_period
from example_app.period import read_place
from example_app.problems import ParameterError
from example_app.problems import parameter_problem
from example_app.solar import Place
from example_app.solar import clear_sky
from flask_apitokens import ANY_SERVICE
from flask_apitokens import current_token
from flask_apitokens import token_required

blueprint = Blueprint("api", __name__, url_prefix="/api")
blueprint.register_error_handler(ParameterError, parameter_problem)

#: Any year of 365 days gives the same values: the model knows only the day of the year.
TYPICAL_YEAR = read_period(
    {"start": "2023-01-01", "end": "2023-12-31"}, first="start", last="end"
)


@blueprint.get("/open")
def open_to_all() -> dict[str, Any]:
    """Respond without a token: a route without a guard, for comparison."""
    return {"ok": True}


@blueprint.get("/ping")
@token_required(service=ANY_SERVICE)
def ping() -> dict[str, Any]:
    """Return the token of the request and its owner."""
    owner = current_token.owner
    return {
        "owner": owner.email if owner else None,
        "token": current_token.id,
        "service": current_token.service,
        "kind": current_token.kind,
    }


@blueprint.get("/tmy")
@token_required(service="tmy", scopes="read")
def typical_year() -> Response:
    """Return the clear-sky irradiance of every hour of a typical year."""
    place = read_place(request.args, lat="lat", lon="lon")
    return _irradiance(place, TYPICAL_YEAR)


@blueprint.get("/timeseries")
@token_required(service="timeseries", scopes="read")
def timeseries() -> Response:
    """Return the clear-sky irradiance of every hour from `start` to `end`."""
    place = read_place(request.args, lat="lat", lon="lon")
    return _irradiance(place, read_period(request.args, first="start", last="end"))


@blueprint.post("/timeseries/jobs")
@token_required(service="timeseries", scopes="write")
def start_job() -> tuple[dict[str, str], int]:
    """Accept a job; this example does not run any."""
    return {"job": str(uuid4()), "status": "accepted"}, 202


@blueprint.get("/stream")
@token_required(service=ANY_SERVICE)
def stream() -> Response:
    """Stream a response of ten chunks."""

    def chunks() -> Iterator[str]:
        for number in range(1, 11):
            yield f"chunk {number} of 10\n"

    return Response(chunks(), mimetype="text/plain")


def _irradiance(place: Place, period: Period) -> Response:
    return formats.answer(place, clear_sky(place, period.start, end=period.end))
