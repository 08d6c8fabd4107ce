"""The networks a token may be used from: ranges of addresses, IPv4 and IPv6."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address
from ipaddress import IPv4Network
from ipaddress import IPv6Address
from ipaddress import IPv6Network
from ipaddress import ip_address
from ipaddress import ip_interface

from flask_apitokens.errors import InvalidNetworks
from flask_apitokens.i18n import gettext as _

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: ranges that one token may be pinned to
MOST = 20
#: an address, alone or with the length of its range; no netmask, no zone
_RANGE = re.compile(r"[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?")
#: what of a mistake is repeated
_ECHOED = 60
#: where IPv6 has the addresses of IPv4 (RFC 4291 section 2.5.5.2)
_MAPPED = IPv6Network("::ffff:0:0/96")


def in_words(text: str) -> list[str]:
    """The ranges that somebody typed, with spaces, commas or line ends in between."""
    return re.split(r"[\s,]+", text.strip()) if text.strip(" \t\r\n,") else []


def parse(texts: Iterable[str]) -> tuple[str, ...]:
    """Ranges as they are stored: each once, in its shortest form.

    An address alone is the range of itself. Addresses of IPv4 that are written as IPv6
    become what they are.

    :raises InvalidNetworks: for what is no range, or has more in it than its length
        says, and for more than :data:`MOST`.
    """
    found = tuple(dict.fromkeys(str(_network(text)) for text in texts if text))
    if len(found) > MOST:
        raise InvalidNetworks(_("Use %(n)s networks or fewer.", n=MOST))
    return found


def _network(text: str) -> Network:
    try:
        if not _RANGE.fullmatch(text):
            raise ValueError(text)
        interface = ip_interface(text)
    except ValueError:
        raise InvalidNetworks(
            _(
                "“%(text)s” is not a network. Write 192.0.2.0/24, 2001:db8::/32 or a "
                "single address.",
                text=text[:_ECHOED],
            )
        ) from None
    network: Network = interface.network
    if network.network_address != interface.ip:
        # Widened by itself, a token would work from where nobody meant it to.
        raise InvalidNetworks(
            _(
                "“%(text)s” is one address of a network. Write %(network)s for the "
                "network or %(address)s for the address.",
                text=text,
                network=network,
                address=interface.ip,
            )
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        first = network.network_address.ipv4_mapped
        return IPv4Network((int(first or 0), network.prefixlen - _MAPPED.prefixlen))
    return network


def client(text: str | None) -> Address | None:
    """The address that a server or ``ProxyFix`` names; none for what is none.

    The zone is of no use elsewhere, and a client of IPv4 is one, whatever a server that
    listens to both families at once calls it.
    """
    try:
        found = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def address(text: str | None) -> str | None:
    """The same, as it is stored and shown."""
    found = client(text)
    return None if found is None else str(found)


def contain(networks: tuple[str, ...], address: str | None) -> bool:
    """Whether *address* lies in one of *networks*; what is no address never does.

    :param networks: from :func:`parse`.
    :param address: of the client, as the WSGI server or ``ProxyFix`` names it.
    """
    here = client(address)
    return here is not None and any(here in network for network in _known(networks))


@lru_cache(maxsize=1024)
def _known(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_interface(text).network for text in networks)
