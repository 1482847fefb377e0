"""Who is told of news of which device."""

import asyncio
from collections import deque
from collections.abc import Iterable

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from .const import DOMAIN
from .data import MiRegistrationConfigEntry

LISTENERS_PER_SLICE = 100
"""So many listeners are told at once; the event loop may do other work before the next ones."""


class DeviceListeners:
    """Who listens to what, by AWS id: a large account has thousands of entities, and most news are about a few.

    What is told is told in order, also where there are too many listeners to tell at once.
    """

    def __init__(self, hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> None:
        """Begin with nobody."""
        self._hass = hass
        self._entry = entry
        self._listeners: dict[str | None, list[CALLBACK_TYPE]] = {}
        self._due: deque[CALLBACK_TYPE] = deque()
        """What is still to be called."""
        self._is_telling = False

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    @callback
    def add(self, aws_id: str | None, listener: CALLBACK_TYPE) -> None:
        """Let somebody listen to news of a device; to all news without one."""
        self._listeners.setdefault(aws_id, []).append(listener)

    @callback
    def remove(self, aws_id: str | None, listener: CALLBACK_TYPE) -> None:
        """Let somebody listen no more."""
        listeners = self._listeners[aws_id]
        listeners.remove(listener)
        if not listeners:
            del self._listeners[aws_id]

    @callback
    def async_tell_all(self, afterwards: Iterable[CALLBACK_TYPE] = ()) -> None:
        """Tell everybody."""
        self.async_tell(list(self._listeners), afterwards)

    @callback
    def async_tell(self, aws_ids: Iterable[str | None], afterwards: Iterable[CALLBACK_TYPE] = ()) -> None:
        """Tell those who listen to news of some devices, then call ``afterwards``; ``None`` are those of all news."""
        due = [listener for aws_id in aws_ids for listener in self._listeners.get(aws_id, ())]
        due += afterwards
        if len(due) <= LISTENERS_PER_SLICE and not self._is_telling:
            _call(due)
            return
        self._due.extend(due)
        if not self._is_telling:
            self._is_telling = True
            self._entry.async_create_task(
                self._hass, self._async_tell_in_slices(), f"{DOMAIN} tell {len(due)} listeners"
            )

    async def _async_tell_in_slices(self) -> None:
        """Tell all that are due, also those that become so meanwhile: later news must not overtake this."""
        try:
            while self._due:
                await asyncio.sleep(0)
                _call([self._due.popleft() for _ in range(min(LISTENERS_PER_SLICE, len(self._due)))])
        finally:
            self._due.clear()
            self._is_telling = False


def _call(callbacks: Iterable[CALLBACK_TYPE]) -> None:
    for call in callbacks:
        call()
