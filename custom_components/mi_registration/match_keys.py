"""What a managed thing and a device of another integration may share: an address, a serial number, the vendor's id.

Both sides are reduced to keys: digests, because AWS's service model marks the values themselves as sensitive, and the
keys are kept on disk.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
import hashlib
import re
from typing import Final
import unicodedata

from homeassistant.helpers import device_registry as dr

from .aws.models import ManagedThing, ManagedThingDetails

MIN_DISTINCTIVE: Final = 4
"""Shorter serial numbers and ids say too little to tell devices of different vendors apart."""
MIN_DSK: Final = 16
PLACEHOLDERS: Final = frozenset(
    {
        "default",
        "defaultstring",
        "n/a",
        "none",
        "notavailable",
        "null",
        "serial",
        "serialnumber",
        "undefined",
        "unknown",
    }
)
"""What firmware writes where a serial number should be."""


class MatchReason(StrEnum):
    """Why a managed thing and a local device are the same."""

    CONFIRMED = "confirmed"
    MAC_ADDRESS = "mac_address"
    ZIGBEE_ADDRESS = "zigbee_address"
    ZWAVE_ADDRESS = "zwave_address"
    DSK = "dsk"
    SERIAL_NUMBER = "serial_number"
    CONNECTOR_DEVICE_ID = "connector_device_id"


type Key = tuple[MatchReason, str]
"""What two sides may share, and the digest of its value."""
type Look = tuple[str, str, str]
"""Brand, model and name as a person would compare them."""

ADDRESSES: Final = frozenset(
    {MatchReason.MAC_ADDRESS, MatchReason.ZIGBEE_ADDRESS, MatchReason.ZWAVE_ADDRESS, MatchReason.DSK}
)
"""The reasons that rest on what only GetManagedThing tells."""

_ZWAVE_ADDRESS: Final = re.compile(r"(?:(?:0x)?(?P<hex>[0-9a-f]{8})|(?P<decimal>[0-9]{9,10}))[-:](?P<node>[0-9]{1,4})")
_ZWAVE_JS_NODE: Final = re.compile(r"[0-9]+-[0-9]+")


def _key(reason: MatchReason, value: str, *, kind: str = "") -> Key:
    return reason, hashlib.sha256(f"{reason}:{kind}:{value}".encode()).hexdigest()


def normalized_serial(value: str | None) -> str | None:
    """Return a serial number without case, spaces and dashes; ``None`` if it can't tell two devices apart."""
    if value is None:
        return None
    text = re.sub(r"[\s\-\u2010-\u2015]", "", value).casefold()
    return text if _is_distinctive(text) else None


def _is_distinctive(text: str) -> bool:
    return len(text) >= MIN_DISTINCTIVE and len(set(text)) > 1 and text not in PLACEHOLDERS


def normalized_address(value: str) -> tuple[MatchReason, str] | None:
    """Return the kind and the usual form of a MAC, Zigbee or Z-Wave address; ``None`` if the text isn't one.

    MAC and Zigbee (EUI-64) addresses become ``aa:bb:…``, a Z-Wave address home id and node as Z-Wave JS writes them.
    """
    text = value.strip().lower()
    if found := _ZWAVE_ADDRESS.fullmatch(text):
        home = int(found["hex"], 16) if found["hex"] else int(found["decimal"])
        return MatchReason.ZWAVE_ADDRESS, f"{home}-{int(found['node'])}"
    digits = re.sub(r"[:.\-\s]", "", text.removeprefix("0x"))
    if re.fullmatch(r"[0-9a-f]{12}|[0-9a-f]{16}", digits) is None or len(set(digits)) == 1:
        return None
    reason = MatchReason.MAC_ADDRESS if len(digits) == 12 else MatchReason.ZIGBEE_ADDRESS
    return reason, ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))


def _dsk_key(value: str) -> Key | None:
    text = normalized_serial(value)
    return _key(MatchReason.DSK, text) if text is not None and len(text) >= MIN_DSK else None


def row_keys(thing: ManagedThing) -> Iterator[Key]:
    """Return the keys that a thing's row of the list gives."""
    if (serial := normalized_serial(thing.serial_number)) is not None:
        yield _key(MatchReason.SERIAL_NUMBER, serial)
    if (connector_device_id := thing.connector_device_id) is not None:
        if _is_distinctive(connector_device_id.casefold()):
            yield _key(MatchReason.CONNECTOR_DEVICE_ID, connector_device_id, kind="identifier")
        if (serial := normalized_serial(connector_device_id)) is not None:
            yield _key(MatchReason.CONNECTOR_DEVICE_ID, serial, kind="serial")


def detail_keys(details: ManagedThingDetails) -> Iterator[Key]:
    """Return the keys that only GetManagedThing gives."""
    if details.mac_address is not None and (address := normalized_address(details.mac_address)) is not None:
        yield _key(*address)
    if details.device_specific_key is not None and (key := _dsk_key(details.device_specific_key)) is not None:
        yield key


def connections_of(details: ManagedThingDetails) -> set[tuple[str, str]]:
    """Return what links a thing's device to others in the device registry."""
    match details.mac_address and normalized_address(details.mac_address):
        case MatchReason.MAC_ADDRESS, address:
            return {(dr.CONNECTION_NETWORK_MAC, address)}
        case MatchReason.ZIGBEE_ADDRESS, address:
            return {(dr.CONNECTION_ZIGBEE, address)}
    return set()


def device_keys(device: dr.DeviceEntry) -> Iterator[Key]:
    """Return the keys of a local device."""
    if (serial := normalized_serial(device.serial_number)) is not None:
        yield _key(MatchReason.SERIAL_NUMBER, serial)
        yield _key(MatchReason.CONNECTOR_DEVICE_ID, serial, kind="serial")
        if len(serial) >= MIN_DSK:
            yield _key(MatchReason.DSK, serial)
    for _, address in device.connections:
        if (found := normalized_address(address)) is not None:
            yield _key(*found)
    # Some integrations still use identifiers of other lengths, or numbers, than the registry asks for.
    for domain, *parts in device.identifiers:
        for part in parts:
            if isinstance(part, str):
                yield from _identifier_keys(domain, part)


def _identifier_keys(domain: str, identifier: str) -> Iterator[Key]:
    """Return the keys of an identifier; many integrations identify a device by its address, with or without prefix."""
    if _is_distinctive(identifier.casefold()):
        yield _key(MatchReason.CONNECTOR_DEVICE_ID, identifier, kind="identifier")
    if domain == "zwave_js" and _ZWAVE_JS_NODE.fullmatch(identifier):
        yield _key(MatchReason.ZWAVE_ADDRESS, identifier)
        return
    _, _, last = identifier.rpartition("_")
    if (found := normalized_address(last)) is not None and found[0] is not MatchReason.ZWAVE_ADDRESS:
        yield _key(*found)
    # A device that Z-Wave JS knows from its QR code but hasn't met yet has the DSK behind the prefix.
    if (key := _dsk_key(last)) is not None:
        yield key


def _folded(text: str | None) -> str:
    """Return the letters and digits of a text without case: AWS's names can't hold most other characters."""
    return " ".join(re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text or "").casefold()).split())


def looks_of(brand: str | None, models: Iterable[str | None], names: Iterable[str | None]) -> tuple[Look, ...]:
    """Return all ways a device can look; none if its brand, model or name isn't known."""
    look = _folded(brand)
    return tuple(
        sorted(
            (look, model, name)
            for model in {*map(_folded, models)}
            for name in {*map(_folded, names)}
            if look and model and name
        )
    )
