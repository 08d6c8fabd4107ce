"""Who carries out an act, as the audit log and the events name them."""

from __future__ import annotations

from dataclasses import dataclass

from flask_apitokens.db.models import LABEL_LENGTH

from . import networks


@dataclass(frozen=True)
class Actor:
    """The person or program that carries out an act.

    It is kept as text, so that the audit log outlives the user.

    :param label: the name that people read, usually an email address.
    :param id: the primary key as text; None for the command line and the system.
    :param ip: the address that the act came from; None if not over the network.
    """

    label: str
    id: str | None = None
    ip: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label[:LABEL_LENGTH])
        object.__setattr__(self, "id", self.id and self.id[:LABEL_LENGTH])
        # A proxy passes on what a client wrote, and the column takes addresses only.
        object.__setattr__(self, "ip", networks.address(self.ip))


#: the plugin, or host code that names no actor
SYSTEM = Actor("system")

#: the label of a caller that has proved to hold a token, and nothing more
HOLDER = "token holder"
