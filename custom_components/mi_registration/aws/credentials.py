"""Temporary credentials, renewed before they expire."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
import threading
from typing import Final, override

from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials

from .clock import Clock

RENEW_BEFORE: Final = timedelta(minutes=15)
"""How long before their end credentials are renewed; where that is more than a third of their life, that third."""
UNTIL_THE_END: Final = timedelta(minutes=1)
"""How long before their end credentials are used no more."""
RETRY_AFTER: Final = timedelta(minutes=1)
"""How long to go on with good credentials after renewing them failed."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryCredentials:
    """What AWS gave, and when it ends by AWS's clock."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: datetime

    @property
    def frozen(self) -> ReadOnlyCredentials:
        """As botocore signs with them."""
        return ReadOnlyCredentials(self.access_key_id, self.secret_access_key, self.session_token)


class RenewableCredentials(Credentials):
    """Credentials that replace themselves, in whichever thread needs them.

    botocore's own write a warning with a traceback into the log whenever renewing fails, although the request which
    needs them fails with the same words, and they go by this machine's clock.
    """

    def __init__(self, renew: Callable[[], TemporaryCredentials], *, method: str, clock: Clock) -> None:
        """Get the first ones by ``renew`` when they are needed."""
        super().__init__("", "", method=method)
        self._renew = renew
        self._clock = clock
        self._renewing = threading.Lock()
        self._current: TemporaryCredentials | None = None
        self._renew_at = clock.now()

    @override
    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return credentials for one signature; raises what ``renew`` raises if there are none that are good."""
        current = self._current
        if current is None or current.expires - self._clock.now() < UNTIL_THE_END:
            with self._renewing:
                current = self._renewed(current)
        elif self._clock.now() >= self._renew_at and self._renewing.acquire(blocking=False):
            # Other threads go on with those that are still good.
            try:
                current = self._renewed(current)
            except Exception as error:  # noqa: BLE001  # whatever it is, it shows when these have ended
                _LOGGER.debug("Credentials are renewed later: %s", type(error).__name__)
                self._renew_at = self._clock.now() + RETRY_AFTER
            finally:
                self._renewing.release()
        return current.frozen

    def _renewed(self, old: TemporaryCredentials | None) -> TemporaryCredentials:
        if self._current is not None and self._current is not old:
            # Another thread was faster.
            return self._current
        new = self._renew()
        now = self._clock.now()
        self._renew_at = new.expires - min(RENEW_BEFORE, (new.expires - now) / 3)
        self._current = new
        return new


class RenewableCredentialsProvider(CredentialProvider):
    """Gives a botocore session such credentials."""

    def __init__(self, renew: Callable[[], TemporaryCredentials], *, method: str, clock: Clock) -> None:
        """Take what :class:`RenewableCredentials` takes."""
        super().__init__()
        self._credentials = RenewableCredentials(renew, method=method, clock=clock)

    @override
    def load(self) -> Credentials:
        return self._credentials
