"""AWS's time: signatures and credentials go by it, and this machine's clock may be wrong."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
import re
import threading
from typing import Any, Final

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.hooks import BaseEventHooks
from botocore.signers import RequestSigner

LEAST_CORRECTION: Final = 60.0
"""Seconds: AWS allows five minutes, and a ``Date`` header is late by the time that the answer took."""
_LARGEST_SKEW: Final = timedelta(days=200 * 365)
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request,")
_SIGNER = "mi_registration.signer"


def http_date(value: str) -> datetime | None:
    """Return the time that an HTTP header tells, ``None`` if it tells none."""
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Clock:
    """Learns AWS's time from every answer, and lets requests be signed with it. May be used by several threads."""

    def __init__(self) -> None:
        """Believe this machine's clock until AWS says otherwise."""
        self._skew: float | None = None
        self._signed = threading.local()

    @property
    def skew(self) -> float | None:
        """AWS's clock minus this machine's, in seconds, as of the newest answer; ``None`` before the first."""
        return self._skew

    @property
    def correction(self) -> float:
        """Seconds that are added to this machine's time: the skew, unless it is too small to matter."""
        skew = self._skew
        return 0.0 if skew is None or abs(skew) < LEAST_CORRECTION else skew

    @property
    def signed_correction(self) -> float:
        """The correction that the last request of this thread was signed with, in seconds."""
        correction: float = getattr(self._signed, "correction", 0.0)
        return correction

    def now(self) -> datetime:
        """Return the time by AWS's clock, as far as it is known."""
        return datetime.now(UTC) + timedelta(seconds=self.correction)

    def learn(self, skew: float) -> None:
        """Take over a measured skew, in seconds; one of centuries is a fault of the answer."""
        if abs(skew) <= _LARGEST_SKEW.total_seconds():
            self._skew = skew

    def attach(self, events: BaseEventHooks) -> None:
        """Watch and correct all clients that are made with these events from now on."""
        events.register("before-sign", self._keep_signer)
        # After botocore's own signature, which knows this machine's time only.
        events.register_last("request-created", self._sign_again)
        events.register("before-parse", self._measure)

    def measure(self, headers: Any) -> None:
        """Learn from the headers of an answer. One without AWS's request id may be a proxy's: it tells nothing."""
        if "x-amzn-requestid" in headers and (theirs := http_date(headers.get("date", ""))) is not None:
            self.learn((theirs - datetime.now(UTC)).total_seconds())

    def _measure(self, response_dict: dict[str, Any], **_: Any) -> None:
        self.measure(response_dict["headers"])

    def _keep_signer(self, request: AWSRequest, request_signer: RequestSigner, **_: Any) -> None:
        request.context[_SIGNER] = request_signer

    def _sign_again(self, request: AWSRequest, **_: Any) -> None:
        """Replace the signature by one with AWS's time, if that differs from ours."""
        self._signed.correction = correction = self.correction
        scope = _SCOPE.match(request.headers.get("Authorization", ""))
        if not correction or scope is None:
            return
        region, service = scope.groups()
        source = request.context[_SIGNER].get_auth_instance(service, region)
        signer = SigV4Auth(source.credentials, service, region)
        timestamp = (datetime.now(UTC) + timedelta(seconds=correction)).strftime(SIGV4_TIMESTAMP)
        request.context["timestamp"] = timestamp
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            # Assigning would add a second one.
            del request.headers[name]
        request.headers["X-Amz-Date"] = timestamp
        if source.credentials.token:
            request.headers["X-Amz-Security-Token"] = source.credentials.token
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signed_headers = signer.signed_headers(signer.headers_to_sign(request))
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={signed_headers}, "
            f"Signature={signer.signature(text, request)}"
        )
