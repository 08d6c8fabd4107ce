"""``flask apitokens service …``."""

from __future__ import annotations

from flask.cli import AppGroup

from flask_apitokens.state import current_apitokens

from .arguments import json_option
from .output import say
from .output import show_json
from .output import show_table

service_group = AppGroup("service", help="The services the application declares.")


@service_group.command("list")
@json_option
def list_services(*, as_json: bool) -> None:
    """List the declared services and their scopes."""
    services = list(current_apitokens.catalog.services.values())
    if as_json:
        show_json(
            [
                {
                    "slug": service.slug,
                    "name": service.name,
                    "description": service.description,
                    "scopes": {s.name: s.description for s in service.scopes.values()},
                    "docs_url": service.docs_url,
                    "default_active": service.default_active,
                }
                for service in services
            ]
        )
        return
    if not services:
        say("The application declares no services.")
        return
    show_table(
        ("slug", "name", "scopes", "default_active"),
        [
            (service.slug, service.name, tuple(service.scopes), service.default_active)
            for service in services
        ],
    )
