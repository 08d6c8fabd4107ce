"""Error responses of the API, as problem details (RFC 9457)."""

from flask import Response
from flask import json
from flask import request


class ParameterError(ValueError):
    """A parameter of the caller is missing or invalid.

    :param name: the name of the parameter.
    :param expected: a sentence with what is needed.
    """

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name}: {expected}")
        self.name = name


def parameter_problem(error: ParameterError) -> Response:
    """Return a 400 with the name of the parameter."""
    return problem(400, "Bad Request", str(error), parameter=error.name)


def problem(status: int, title: str, detail: str, **more: str) -> Response:
    """Build an `application/problem+json` response."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        **more,
    }
    return Response(json.dumps(body), status, mimetype="application/problem+json")
