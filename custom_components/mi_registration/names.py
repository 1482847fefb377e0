"""What CreateManagedThing accepts of the words that vendors describe their devices with."""

from collections.abc import Collection
import re
from typing import Final
import unicodedata

NAME_LENGTH: Final = 128


def managed_thing_name(name: str | None, digest: str, taken: Collection[str]) -> str:
    """Return a name that AWS accepts (letters, digits, space, dot, underscore, hyphen; at most 128), unlike ``taken``.

    The same input gives the same name. ``Küche/Licht`` becomes ``Küche-Licht``, ``Lamp (left)`` becomes ``Lamp left``;
    if the result is taken by another thing, or nothing is left of it, part of the device's digest makes it unique.
    """
    text = unicodedata.normalize("NFC", name or "")
    text = re.sub(r"(?<=\w)[/\\|:+&](?=\w)", "-", text)
    kept = "".join(char if _is_allowed(char) else " " for char in text)
    result = " ".join(kept.split())[:NAME_LENGTH].strip()
    if result and result not in taken:
        return result
    candidate = ""
    for length in range(8, len(digest) + 1, 8):
        candidate = f"{(result or 'Device')[: NAME_LENGTH - length - 1].strip()} {digest[:length]}"
        if candidate not in taken:
            break
    return candidate


def _is_allowed(char: str) -> bool:
    return char in " ._-" or unicodedata.category(char)[0] in "LN"


def brand_or_model(value: str | None) -> str | None:
    """Return a brand or a model if AWS accepts it as it is; it is a detail, not worth a refusal."""
    return value if value is not None and re.fullmatch(r"[A-Za-z0-9-_ ]{1,128}", value) else None
