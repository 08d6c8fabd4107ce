"""Errors of the API as RFC 9457 problem details."""

from flask import Response
from flask import json
from flask import request


class ParameterError(ValueError):
    """A caller's parameter that cannot be used.

    :param name: the parameter.
    :param expected: a sentence saying what would do.
    """

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name}: {expected}")
        self.name = name


def parameter_problem(error: ParameterError) -> Response:
    """Answer 400, naming the parameter."""
    return problem(400, "Bad Request", str(error), parameter=error.name)


def problem(status: int, title: str, detail: str, **more: str) -> Response:
    """Build an `application/problem+json` answer."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        **more,
    }
    return Response(json.dumps(body), status, mimetype="application/problem+json")
