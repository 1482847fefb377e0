"""Which endpoints requests may be sent to."""

from ipaddress import ip_address
from urllib.parse import urlsplit


class EndpointError(ValueError):
    """An endpoint URL can't be used: it has no ``http`` or ``https`` scheme, no host, or a port that is none."""


class InsecureEndpointError(EndpointError):
    """An endpoint URL would send signed requests unencrypted to another machine."""


def check_endpoint(url: str) -> None:
    """Raise :class:`EndpointError` if requests must not be sent to ``url``.

    Plain ``http`` is for loopback hosts only.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise EndpointError(f"not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise EndpointError("the endpoint URL needs http:// or https:// and a host")
    if parts.scheme == "http" and not _is_loopback(host):
        raise InsecureEndpointError("plain http is for loopback hosts only")


def credential_provider_url(endpoint: str) -> str:
    """Return the base URL of AWS IoT's credential provider, given as a host name (as AWS shows it) or as a URL.

    Raises :class:`EndpointError` unless it is ``https``: without TLS there is no client certificate either.
    """
    url = endpoint if "://" in endpoint else f"https://{endpoint}"
    check_endpoint(url)
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise InsecureEndpointError("the credential provider is reached by https only")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise EndpointError("the credential provider's endpoint is a host name and nothing more")
    return f"https://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
