"""`POST /datadelivery/request`, with the client it is made for: pvlib's, unmodified."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pvlib
import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from example_app import create_app
from example_app.demo import seed
from example_app.extensions import apitokens
from example_app.models import User
from example_app.models import db

# The client is used as it comes, and it renames columns in a way pandas now regrets.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

PLACE = {"latitude": 48.61259, "longitude": 20.827079}
REQUEST = """<ws:dataDeliveryRequest dateFrom="2026-06-21" dateTo="2026-06-21"
    xmlns="http://geomodel.eu/schema/data/request"
    xmlns:ws="http://geomodel.eu/schema/ws/data">
    <site id="a site" lat="48.6" lng="20.8"></site>
    <processing key="GHI DNI" summarization="HOURLY">
    <timestampType>CENTER</timestampType><timeZone>GMT+00</timeZone>
    </processing></ws:dataDeliveryRequest>"""


@dataclass(frozen=True)
class Served:
    """Return the example's address on a socket, and a token for its time series."""

    address: str
    token: str

    @property
    def url(self) -> str:
        return f"{self.address}/datadelivery/request"

    def get(self, **options: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        arguments = {
            **PLACE,
            "start": "2026-06-21",
            "end": "2026-06-22",
            "variables": ["GHI", "DNI", "DIF"],
            "time_resolution": "PT60M",
            "api_key": self.token,
            "url": self.url,
        }
        data, meta = pvlib.iotools.get_solargis(**(arguments | options))
        return data, meta

    def post(self, body: str | bytes, key: str | None = None) -> requests.Response:
        return requests.post(
            self.url,
            params={"key": key or self.token},
            headers={"Content-Type": "application/xml"},
            data=body,
            timeout=30,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    file = tmp_path_factory.mktemp("served") / "example.sqlite"
    host = create_app(
        {
            "SECRET_KEY": "not-a-secret",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{file}",
            "APITOKENS_BCRYPT_ROUNDS": 4,
        }
    )
    token = make_token(host)
    server = make_server("127.0.0.1", 0, host, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Served(f"http://127.0.0.1:{server.server_port}", token)
    server.shutdown()
    thread.join()
    server.server_close()
    with host.app_context():
        db.engine.dispose()


def make_token(host: Flask) -> str:
    with host.app_context():
        seed()
        plaintext = apitokens.generate(
            owner=User.with_email("ada@example.com"),
            name="pvlib",
            service="timeseries",
            scopes=["read"],
        )[1]
        db.session.commit()
    return str(plaintext)


def test_pvlib_client_returns_a_data_frame(served: Served) -> None:
    data, meta = served.get()
    assert list(data.columns) == ["ghi", "dni", "dhi"]
    assert len(data) == 48
    assert meta["latitude"] == pytest.approx(PLACE["latitude"])
    assert meta["longitude"] == pytest.approx(PLACE["longitude"])
    assert meta["altitude"] == 0.0
    night = data.between_time("22:00", "01:00")
    assert (night == 0).all(axis=None)
    noon = data.loc["2026-06-21T10:30:00Z"]
    assert 850 < noon["ghi"] < 1000
    assert noon["dni"] > 0
    assert 0 < noon["dhi"] < noon["ghi"]


def test_delivered_values_equal_the_time_series(served: Served) -> None:
    data, _meta = served.get(timestamp_type="start")
    answer = requests.get(
        f"{served.address}/api/timeseries",
        params={
            "lat": str(PLACE["latitude"]),
            "lon": str(PLACE["longitude"]),
            "start": "2026-06-21",
            "end": "2026-06-22",
        },
        headers={"Authorization": f"Bearer {served.token}"},
        timeout=30,
    ).json()
    expected = pd.DataFrame(answer["values"]).set_index("time")[list(data.columns)]
    expected.index = pd.to_datetime(expected.index)
    pd.testing.assert_frame_equal(data, expected, check_names=False, check_freq=False)


def test_sun_angles_equal_pvlib(served: Served) -> None:
    data, _meta = served.get(variables=["SE", "SA"])
    expected = pvlib.solarposition.get_solarposition(data.index, **PLACE)
    apart = (data["solar_elevation"] - expected["elevation"]).abs()
    assert apart.max() < 0.5
    apart = (data["solar_azimuth"] - expected["azimuth"]).abs()
    assert apart.max() < 2


def test_one_column_is_delivered(served: Served) -> None:
    data, _meta = served.get(variables=["GHIc"])
    assert list(data.columns) == ["ghi_clear"]
    assert data["ghi_clear"].max() > 850


@pytest.mark.parametrize(
    ("resolution", "rows"), [("PT05M", 288), (15, 96), ("PT1H", 24)]
)
def test_shorter_steps_are_delivered(
    served: Served, resolution: str | int, rows: int
) -> None:
    data, _meta = served.get(end="2026-06-21", time_resolution=resolution)
    assert len(data) == rows
    assert data.index.is_monotonic_increasing


@pytest.mark.parametrize(
    ("stamp", "first"), [("start", "00:00"), ("center", "00:30"), ("end", "01:00")]
)
def test_time_stamps_are_at_the_requested_position(
    served: Served, stamp: str, first: str
) -> None:
    data, _meta = served.get(timestamp_type=stamp)
    assert data.index[0] == pd.Timestamp(f"2026-06-21T{first}Z")


def test_time_zone_moves_the_day(served: Served) -> None:
    data, _meta = served.get(tz="GMT+02", timestamp_type="start")
    assert data.index[0] == pd.Timestamp("2026-06-20T22:00Z")


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        ({"api_key": "apt_nonsense"}, 401, "token"),
        ({"variables": ["TEMP"]}, 400, "columns"),
        ({"latitude": 99}, 400, "lat"),
        ({"time_resolution": "P1D"}, 400, "summarization"),
        ({"end": "2030-01-01"}, 400, "dateTo"),
        ({"tz": "Europe/Vienna"}, 400, "timeZone"),
        ({"timestamp_type": "whenever"}, 400, "timestampType"),
    ],
)
def test_refusal_is_an_error_in_the_client(
    served: Served, options: dict[str, Any], status: int, says: str
) -> None:
    with pytest.raises(requests.HTTPError) as refused:
        served.get(**options)
    problem = refused.value.args[0]
    assert problem["status"] == status
    assert says in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"GHI please",
        b"<a>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        REQUEST.replace("a site", "&undeclared;").encode(),
        REQUEST.replace('lat="48.6"', "").encode(),
        REQUEST.replace("GHI DNI", "").encode(),
        REQUEST.replace("GMT+00", "GMT+99").encode(),
    ],
)
def test_unusable_document_is_a_400(served: Served, body: bytes) -> None:
    answer = served.post(body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["parameter"]


def test_xml_entities_are_not_expanded(served: Served) -> None:
    bomb = (
        '<!DOCTYPE a [<!ENTITY x0 "ha">'
        + "".join(
            f'<!ENTITY x{n} "&x{n - 1};&x{n - 1};&x{n - 1};">' for n in range(1, 30)
        )
        + "]><a>&x29;</a>"
    )
    answer = served.post(bomb)
    assert answer.status_code == 400
    assert "document type" in answer.json()["detail"]


def test_long_document_is_refused(served: Served) -> None:
    answer = served.post(REQUEST + " " * 65_536)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_names_are_escaped_in_the_response(served: Served) -> None:
    answer = served.post(REQUEST.replace("a site", "&lt;&quot;&amp;'"))
    assert answer.status_code == 200
    assert 'id="&lt;&quot;&amp;\'"' in answer.text


def test_token_of_another_service_is_refused(served: Served) -> None:
    assert served.post(REQUEST, key="x" * 600).status_code == 400
    assert served.post(REQUEST, key="x").status_code == 401
