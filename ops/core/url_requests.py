"""One HTTP request to a URL of the stack, as a user sends it."""

import hashlib
import urllib.error
import urllib.request

from pydantic import JsonValue

from ops.core.errors import OpsError
from ops.core.sandbox_endpoint import RedirectHandler, build_url_request


def fetch_url(url: str, *, method: str, timeout_seconds: float) -> dict[str, JsonValue]:
    """Requests a URL once: the status and a digest of the body, or status 0 and why there was none.

    Raises OpsError unless the URL is of http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise OpsError(f"{url} is no URL of http or https")
    opener = urllib.request.build_opener(RedirectHandler)
    try:
        request = build_url_request(url, method)
        with opener.open(request, timeout=timeout_seconds) as response:
            body = response.read(1 << 20)
            return {"status": response.status, "digest": hashlib.sha256(body).hexdigest()[:16]}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "reason": error.reason}
    except OSError as error:
        return {"status": 0, "reason": str(error)}
