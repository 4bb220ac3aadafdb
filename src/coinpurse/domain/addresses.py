"""Which addresses on the network are out in the world, and which lead inward: to this machine, to its
neighbours, to a cloud's own services."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: Prefixes under which an IPv4 address travels in the last 32 bits of an IPv6 one (RFC 6052, RFC 8215).
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def is_outward(address: str) -> bool:
    """Whether an IP address, as text, can be a stranger's server. What hides an IPv4 address inside an IPv6
    one is judged by both. Raises ValueError for what is no address."""
    found = ip_address(address.partition("%")[0])
    return _is_outward(found) and all(map(_is_outward, _inside(found)))


def _is_outward(address: IPv4Address | IPv6Address) -> bool:
    unused = address.is_reserved and not any(address in network for network in _TRANSLATED)
    return address.is_global and not address.is_multicast and not unused


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    found: list[IPv4Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _TRANSLATED):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]
