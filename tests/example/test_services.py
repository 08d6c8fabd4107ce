"""The guarded data services of the example host."""

from __future__ import annotations

import csv
import io
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.example.steps import bearer
from tests.example.steps import sign_in
from tests.example.steps import token_for

VIENNA = "lat=48.21&lon=16.37"
SUMMER_DAY = f"{VIENNA}&start=2026-06-21&end=2026-06-21"


def test_ping_returns_the_owner_of_the_token(
    example: Flask, visitor: FlaskClient
) -> None:
    token = token_for(example, service="tmy")
    answer = visitor.get("/api/ping", headers=bearer(token))
    assert answer.json == {
        "owner": "ada@example.com",
        "token": token.split("_")[1],
        "service": "tmy",
        "kind": "api",
    }


def test_open_route_needs_no_token(visitor: FlaskClient) -> None:
    assert visitor.get("/api/open").json == {"ok": True}


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/api/ping"),
        ("GET", f"/api/tmy?{VIENNA}"),
        ("GET", f"/api/timeseries?{SUMMER_DAY}"),
        ("POST", "/api/timeseries/jobs"),
        ("GET", "/api/stream"),
        ("POST", "/datadelivery/request"),
    ],
)
def test_service_without_token_responds_401(
    visitor: FlaskClient, method: str, address: str
) -> None:
    sign_in(visitor)
    answer = visitor.open(address, method=method)
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("service", "method", "address"),
    [
        ("timeseries", "GET", f"/api/tmy?{VIENNA}"),
        ("tmy", "GET", f"/api/timeseries?{SUMMER_DAY}"),
        ("timeseries", "POST", "/api/timeseries/jobs"),
    ],
)
def test_token_gives_access_to_its_service_and_scope_only(
    example: Flask, visitor: FlaskClient, service: str, method: str, address: str
) -> None:
    token = token_for(example, service=service)
    answer = visitor.open(address, method=method, headers=bearer(token))
    assert answer.status_code == 403


def test_typical_year_has_8760_hours(example: Flask, visitor: FlaskClient) -> None:
    token = token_for(example, service="tmy")
    answer = visitor.get(f"/api/tmy?{VIENNA}", headers=bearer(token))
    body = answer.get_json()
    assert (body["latitude"], body["longitude"]) == (48.21, 16.37)
    assert len(body["values"]) == 8760
    assert len({value["time"] for value in body["values"]}) == 8760
    # Clear skies over Vienna are worth some 1,900 kWh/m² a year.
    assert 1600 < sum(value["ghi"] for value in body["values"]) / 1000 < 2200


@pytest.mark.parametrize(
    ("query", "accept", "mimetype"),
    [
        ("", "*/*", "application/json"),
        ("", "text/csv", "text/csv"),
        ("", "text/csv;q=0.5, application/json", "application/json"),
        ("&format=csv", "application/json", "text/csv"),
        ("&format=json", "text/csv", "application/json"),
    ],
)
def test_caller_chooses_the_format(
    example: Flask, visitor: FlaskClient, query: str, accept: str, mimetype: str
) -> None:
    answer = visitor.get(
        f"/api/timeseries?{SUMMER_DAY}{query}",
        headers=bearer(token_for(example)) | {"Accept": accept},
    )
    assert answer.status_code == 200
    assert answer.mimetype == mimetype


def test_csv_and_json_have_the_same_values(
    example: Flask, visitor: FlaskClient
) -> None:
    headers = bearer(token_for(example))
    address = f"/api/timeseries?{SUMMER_DAY}&format="
    rows = list(
        csv.DictReader(io.StringIO(visitor.get(address + "csv", headers=headers).text))
    )
    values = visitor.get(address + "json", headers=headers).get_json()["values"]
    assert [row["time"] for row in rows] == [value["time"] for value in values]
    assert [float(row["ghi"]) for row in rows] == [value["ghi"] for value in values]
    assert rows[0] == {
        "time": "2026-06-21T00:00:00Z",
        "ghi": "0.0",
        "dni": "0.0",
        "dhi": "0.0",
    }
    assert 850 < float(rows[11]["ghi"]) < 1000


def test_period_includes_its_first_and_last_day(
    example: Flask, visitor: FlaskClient
) -> None:
    headers = bearer(token_for(example))
    address = f"/api/timeseries?{VIENNA}&start=2024-02-28&end=2024-03-01"
    values = visitor.get(address, headers=headers).get_json()["values"]
    times = [value["time"] for value in values]
    assert len(times) == 3 * 24
    assert (times[0], times[-1]) == ("2024-02-28T00:00:00Z", "2024-03-01T23:00:00Z")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("lon=16&start=2026-01-01&end=2026-01-01", "lat"),
        ("lat=91&lon=16&start=2026-01-01&end=2026-01-01", "lat"),
        ("lat=nan&lon=16&start=2026-01-01&end=2026-01-01", "lat"),
        ("lat=48&lon=inf&start=2026-01-01&end=2026-01-01", "lon"),
        ("lat=48&lon=%00&start=2026-01-01&end=2026-01-01", "lon"),
        (f"{VIENNA}&end=2026-01-01", "start"),
        (f"{VIENNA}&start=2026-02-30&end=2026-03-01", "start"),
        (f"{VIENNA}&start=1500-01-01&end=1500-01-01", "start"),
        (f"{VIENNA}&start=2026-01-02&end=2026-01-01", "end"),
        (f"{VIENNA}&start=2026-01-01&end=2027-01-02", "end"),
        (f"{VIENNA}&start=2026-01-01&end=9999-12-31", "end"),
        (f"{SUMMER_DAY}&format=xml", "format"),
    ],
)
def test_wrong_parameter_is_named(
    example: Flask, visitor: FlaskClient, query: str, parameter: str
) -> None:
    headers = bearer(token_for(example))
    answer = visitor.get(f"/api/timeseries?{query}", headers=headers)
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    problem = json.loads(answer.text)
    assert problem["status"] == 400
    assert problem["parameter"] == parameter
    assert problem["detail"].startswith(f"{parameter}: ")


def test_job_is_accepted(example: Flask, visitor: FlaskClient) -> None:
    token = token_for(example, scopes=("read", "write"))
    answer = visitor.post("/api/timeseries/jobs", headers=bearer(token))
    assert answer.status_code == 202
    assert answer.get_json()["status"] == "accepted"


def test_stream_has_ten_chunks(example: Flask, visitor: FlaskClient) -> None:
    answer = visitor.get(
        "/api/stream", headers=bearer(token_for(example)), buffered=False
    )
    chunks = list(answer.response)
    answer.close()
    assert len(chunks) == 10


def test_key_parameter_works_on_one_route_only(
    example: Flask, visitor: FlaskClient
) -> None:
    token = token_for(example)
    assert visitor.get(f"/api/timeseries?{SUMMER_DAY}&key={token}").status_code == 401
