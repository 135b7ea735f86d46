"""Private ranges: all addresses of a range must be in one of them."""

from ipaddress import IPv4Network

import pytest

from components.facts.private_ranges import is_private_range


@pytest.mark.parametrize(
    ("cidr", "private"),
    [
        ("10.0.0.0/8", True),
        ("10.0.0.0/7", False),
        ("172.31.255.255/32", True),
        ("172.32.0.0/16", False),
        ("192.168.4.0/22", True),
        ("100.127.0.0/16", True),
        ("100.128.0.0/16", False),
        ("0.0.0.0/0", False),
        ("169.254.169.254/32", False),  # link-local: no client is there
        ("8.8.8.8/32", False),
    ],
)
def test_a_range_is_private_as_a_whole(cidr: str, private: bool) -> None:
    assert is_private_range(IPv4Network(cidr)) is private
