"""Networks that a token may be used from: ranges of IPv4 and IPv6 addresses."""

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
from flask_apitokens.i18n import ngettext as _n

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: how many ranges one token may be pinned to
MAX_NETWORKS = 20
#: an address, alone or with a prefix length; no netmask, no zone
_RANGE = re.compile(r"[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?")
#: how many characters of a mistake an error message repeats
_ECHOED = 60
#: an address as proxies write it: bare, or with a port, in brackets and quotes
_NODE = re.compile(
    r"""[\s"']*
    (?: \[ (?P<v6>[0-9A-Fa-f:.]+) (?:%[^\]\s]*)? \] (?: :[\w.-]* )?
      | (?P<v4>[0-9.]+) : [\w.-]*
      | (?P<bare>[0-9A-Fa-f:.]+) (?:%[^\s"']*)?
    )
    [\s"']*""",
    re.VERBOSE,
)
#: the IPv4-mapped addresses of IPv6 (RFC 4291 section 2.5.5.2)
_MAPPED = IPv6Network("::ffff:0:0/96")


def in_words(text: str) -> list[str]:
    """Return the ranges in a typed text: split at spaces, commas and line ends."""
    return re.split(r"[\s,]+", text.strip()) if text.strip(" \t\r\n,") else []


def parse(texts: Iterable[str]) -> tuple[str, ...]:
    """Return ranges as they are stored: each once, in its shortest form.

    An address alone becomes a range of one address. An IPv4-mapped address of IPv6
    becomes the IPv4 address.

    :raises InvalidNetworks: if a text is not a range, if it has bits set beyond its
        prefix length, or if there are more than :data:`MAX_NETWORKS`.
    """
    found = tuple(dict.fromkeys(str(_network(text)) for text in texts if text))
    if len(found) > MAX_NETWORKS:
        raise InvalidNetworks(
            _n(
                "Use %(n)s network or fewer.",
                "Use %(n)s networks or fewer.",
                MAX_NETWORKS,
            )
        )
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
        # Widened without asking, the token would work from addresses that its owner
        # did not mean.
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
    """Return the client's address that a server or ``ProxyFix`` names.

    Some proxies add the port, and then brackets around an address of IPv6, or quotes
    (RFC 7239 section 6). A zone is dropped, since it has a meaning on the server only.
    A server that listens to both families names IPv4 clients by mapped addresses; they
    become IPv4 again.

    :returns: None if *text* is not an address.
    """
    named = _NODE.fullmatch(text or "")
    try:
        found = ip_address(named["v6"] or named["v4"] or named["bare"] if named else "")
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def address(text: str | None) -> str | None:
    """Return the address of :func:`client` as text, as it is stored and shown."""
    found = client(text)
    return None if found is None else str(found)


def contain(networks: tuple[str, ...], address: str | None) -> bool:
    """Return whether *address* is in one of *networks*; False if it is not an address.

    :param networks: from :func:`parse`.
    :param address: of the client, as the WSGI server or ``ProxyFix`` names it.
    :raises ValueError: if one of *networks* is not a range.
    """
    here = client(address)
    return here is not None and any(here in network for network in _known(networks))


@lru_cache(maxsize=1024)
def _known(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_interface(text).network for text in networks)
