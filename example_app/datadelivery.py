"""`POST /datadelivery/request?key=…`, for the client `pvlib.iotools.get_solargis`.

That client cannot send a header, so this one route also takes the token from its query
string. The request is XML with the namespaces of Solargis. Each row of the XML response
has its values in one attribute, separated by spaces.
"""

from collections.abc import Callable
from collections.abc import Iterable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from xml.etree import ElementTree

from flask import Blueprint
from flask import Response
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from example_app.delivery_request import DeliveryRequest
from example_app.delivery_request import parse
from example_app.problems import ParameterError
from example_app.problems import parameter_problem
from example_app.problems import problem
from example_app.solar import SOURCES
from example_app.solar import Sample
from example_app.solar import clear_sky
from flask_apitokens import token_required

blueprint = Blueprint("datadelivery", __name__, url_prefix="/datadelivery")
blueprint.register_error_handler(ParameterError, parameter_problem)

BODY_LIMIT = 64 * 1024
NAMESPACE = "http://geomodel.eu/schema/ws/data"

#: the value of each column; as in Solargis data, azimuth 0 is south
COLUMNS: dict[str, Callable[[Sample], float]] = {
    "GHI": lambda sample: sample.ghi,
    "GHI_C": lambda sample: sample.ghi,
    "GHIc": lambda sample: sample.ghi,
    "DNI": lambda sample: sample.dni,
    "DNI_C": lambda sample: sample.dni,
    "DNIc": lambda sample: sample.dni,
    "DIF": lambda sample: sample.dhi,
    "SE": lambda sample: 90 - sample.sun.zenith,
    "SA": lambda sample: sample.sun.azimuth - 180,
}


@blueprint.post("/request")
@token_required(service="timeseries", scopes="read", query_parameter="key")
def deliver() -> Response:
    """Return the time series that the XML document requests."""
    wanted = parse(_body(), columns=COLUMNS)
    period = wanted.period
    samples = clear_sky(wanted.place, period.start, end=period.end, step=wanted.step)
    return Response(_document(wanted, samples), mimetype="application/xml")


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> Response:
    """Refuse a document above the limit."""
    detail = f"The document is longer than {BODY_LIMIT} bytes."
    return problem(413, "Content Too Large", detail)


def _body() -> bytes:
    body = request.stream.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        raise RequestEntityTooLarge
    return body


def _document(wanted: DeliveryRequest, samples: Iterable[Sample]) -> bytes:
    root = ElementTree.Element("dataDeliveryResponse", xmlns=NAMESPACE)
    site = ElementTree.SubElement(
        root,
        "site",
        id=wanted.site,
        lat=str(wanted.place.latitude),
        lng=str(wanted.place.longitude),
    )
    ElementTree.SubElement(site, "metadata").text = _metadata(wanted)
    ElementTree.SubElement(site, "columns").text = " ".join(wanted.columns)
    readers = [COLUMNS[name] for name in wanted.columns]
    for sample in samples:
        values = " ".join(f"{reader(sample):.1f}" for reader in readers)
        label = _label(sample.time + wanted.label)
        ElementTree.SubElement(site, "row", dateTime=label, values=values)
    document: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return document


def _metadata(wanted: DeliveryRequest) -> str:
    minutes = wanted.step // timedelta(minutes=1)
    period = wanted.period
    return "\n".join(
        (
            "#CLEAR-SKY IRRADIANCE FROM SOLAR GEOMETRY",
            f"#Issued: {datetime.now(UTC):%Y-%m-%d %H:%M}",
            f"#Latitude: {wanted.place.latitude:.6f}",
            f"#Longitude: {wanted.place.longitude:.6f}",
            # The model has no terrain, so every place is at sea level.
            "#Elevation: 0.0 m a.s.l.",
            f"#Summarization type: {minutes} min",
            f"#Summarization period: {period.first} - {period.last}",
            f"#Data source: {SOURCES}",
        )
    )


def _label(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
