"""Parse the XML of a data delivery request, which is untrusted input."""

import re
from collections.abc import Container
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import timedelta
from datetime import timezone
from datetime import tzinfo
from xml.parsers import expat

from example_app.period import Period
from example_app.period import read_period
from example_app.period import read_place
from example_app.problems import ParameterError
from example_app.solar import Place

STEPS = {
    "MIN_5": timedelta(minutes=5),
    "MIN_10": timedelta(minutes=10),
    "MIN_15": timedelta(minutes=15),
    "MIN_30": timedelta(minutes=30),
    "HOURLY": timedelta(hours=1),
}
#: the position of a time stamp in its interval, as a fraction of the step
STAMPS = {"START": 0.0, "CENTER": 0.5, "END": 1.0}
_ZONE = re.compile(r"GMT([+-])(\d\d)")


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """A parsed request.

    :param label: the time from the beginning of an interval to its time stamp.
    """

    site: str
    place: Place
    period: Period
    columns: tuple[str, ...]
    step: timedelta
    label: timedelta


def parse(document: bytes, *, columns: Container[str]) -> DeliveryRequest:
    """Parse a request.

    :param columns: the names of the columns that exist.
    :raises ParameterError: if the request is malformed or cannot be served.
    """
    found = _read(document)
    summary = found.processing.get("summarization", "HOURLY")
    if summary not in STEPS:
        raise ParameterError("summarization", f"one of {', '.join(STEPS)} is needed.")
    stamp = found.texts.get("timestampType", "CENTER")
    if stamp not in STAMPS:
        raise ParameterError("timestampType", f"one of {', '.join(STAMPS)} is needed.")
    zone = _zone(found.texts.get("timeZone", "GMT+00"))
    step = STEPS[summary]
    return DeliveryRequest(
        site=found.site.get("id", ""),
        place=read_place(found.site, lat="lat", lon="lng"),
        period=read_period(found.request, first="dateFrom", last="dateTo", zone=zone),
        columns=_columns(found.processing.get("key", ""), columns),
        step=step,
        label=step * STAMPS[stamp],
    )


@dataclass(slots=True)
class _Found:
    """The attributes of three elements, and the texts of all."""

    request: dict[str, str] = field(default_factory=dict)
    site: dict[str, str] = field(default_factory=dict)
    processing: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""
        local = name.rpartition(" ")[2]
        self.open.append(local)
        if local == "dataDeliveryRequest":
            self.request = attributes
        elif local == "site":
            self.site = attributes
        elif local == "processing":
            self.processing = attributes

    def end(self, _name: str) -> None:
        """Handle the end of an element."""
        self.open.pop()

    def text(self, data: str) -> None:
        """Handle a piece of text in the current element."""
        local = self.open[-1]
        self.texts[local] = self.texts.get(local, "") + data


def _read(document: bytes) -> _Found:
    """Parse the document with expat, which opens no files and no addresses."""
    # A document type may declare entities that expand to gigabytes. It is refused at
    # its start, so no entity is ever declared.
    found = _Found()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    try:
        parser.Parse(document, True)
    except ParameterError:
        raise
    # An unknown encoding raises LookupError, a multi-byte one ValueError.
    except (expat.ExpatError, LookupError, ValueError):
        raise ParameterError("body", "a well-formed XML document is needed.") from None
    return found


def _refuse_doctype(*_declared: object) -> None:
    raise ParameterError("body", "a document type declaration is not accepted.")


def _columns(words: str, known: Container[str]) -> tuple[str, ...]:
    # A column that is named twice is sent once. Else a short request could ask for a
    # response of any size.
    names = tuple(dict.fromkeys(words.split()))
    unknown = [name for name in names if name not in known]
    if not names or unknown:
        raise ParameterError(
            "processing key", "some of the columns this service has are needed."
        )
    return names


def _zone(text: str) -> tzinfo:
    match = _ZONE.fullmatch(text.strip())
    if match is None or int(match[2]) > 14:
        raise ParameterError("timeZone", "a zone such as GMT+00 is needed.")
    hours = int(match[1] + match[2])
    return timezone(timedelta(hours=hours)) if hours else UTC
