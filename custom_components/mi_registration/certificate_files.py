"""A device certificate as a configuration holds it: PEM text, or paths of files under the configuration folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant

from .aws.certificates import (
    CertificateError,
    CertificateExpiredError,
    CertificateNotYetValidError,
    InvalidCaCertificateError,
    InvalidCertificateError,
    KeyPermissionsError,
    check_certificate,
    check_key_file,
)
from .const import AUTH_IOT_CERTIFICATE, CONF_AUTH_METHOD, CONF_CA_CERTIFICATE, CONF_CERTIFICATE, CONF_PRIVATE_KEY

_PEM_FIELDS: Final = (CONF_CERTIFICATE, CONF_PRIVATE_KEY, CONF_CA_CERTIFICATE)
_PEM_BEGIN: Final = "-----BEGIN"
_LARGEST_FILE: Final = 65536


class CertificateFilesError(Exception):
    """Files that a configuration names can't be used.

    ``errors`` holds the name of a flow's text for each field concerned.
    """

    def __init__(self, errors: dict[str, str], message: str) -> None:
        """Keep what is wrong with which field, and all of it as one text."""
        super().__init__(message)
        self.errors = errors


def is_path(value: str) -> bool:
    """Whether a field holds the path of a file, not PEM text."""
    return _PEM_BEGIN not in value and "\n" not in value


async def async_resolve_files(hass: HomeAssistant, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an entry's data with the files' PEM text in place of their paths.

    Raises :class:`CertificateFilesError`.
    """
    if data[CONF_AUTH_METHOD] != AUTH_IOT_CERTIFICATE:
        return data
    return await hass.async_add_executor_job(_resolve, Path(hass.config.config_dir), data)


def certificate_errors(resolved: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a certificate and its key, as the name of a flow's text for its field.

    Parsing a key takes its time: call this in the executor.
    """
    try:
        check_certificate(
            resolved[CONF_CERTIFICATE], resolved[CONF_PRIVATE_KEY], resolved.get(CONF_CA_CERTIFICATE) or None
        )
    except (InvalidCertificateError, CertificateExpiredError, CertificateNotYetValidError) as err:
        return {CONF_CERTIFICATE: err.key}
    except InvalidCaCertificateError as err:
        return {CONF_CA_CERTIFICATE: err.key}
    except CertificateError as err:
        return {CONF_PRIVATE_KEY: err.key}
    return {}


def _resolve(folder: Path, data: Mapping[str, Any]) -> Mapping[str, Any]:
    resolved = dict(data)
    errors: dict[str, str] = {}
    messages: list[str] = []
    for field in _PEM_FIELDS:
        value = data.get(field, "")
        if not value or not is_path(value):
            continue
        try:
            path = _inside(folder, value)
            if path is None:
                errors[field] = "path_not_allowed"
                messages.append(f"{value} is not in Home Assistant's configuration folder")
                continue
            if field == CONF_PRIVATE_KEY:
                check_key_file(path)
            with path.open("rb") as file:
                # What isn't text isn't PEM either, and is found out as such.
                resolved[field] = file.read(_LARGEST_FILE).decode(errors="replace")
        except KeyPermissionsError as err:
            errors[field] = err.key
            messages.append(str(err))
        except (OSError, ValueError) as err:
            errors[field] = "file_not_readable"
            messages.append(f"{value} can't be read ({type(err).__name__})")
    if errors:
        raise CertificateFilesError(errors, "; ".join(messages))
    return resolved


def _inside(folder: Path, value: str) -> Path | None:
    """Return the file that a path leads to, ``None`` if that is outside of a folder; links are followed first."""
    path = (folder / value).resolve()
    return path if path.is_relative_to(folder.resolve()) else None
