"""The internet as the network sees it: any address, and the ports of the web."""

from typing import Final

ANYWHERE_CIDR: Final = "0.0.0.0/0"
HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
