"""What a disk can refuse, at the border of the operating system; everything above it is real."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
import errno
import os
from pathlib import Path
from typing import Any, Final

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

READ, WRITE, REMOVE = Store._async_load, Store._async_write_data, Store.async_remove  # before a test replaces them


def _refuse(number: int) -> Callable[..., Any]:
    def _refused(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return _refused


def _fill(patch: pytest.MonkeyPatch) -> None:
    """Let no byte reach the disk."""
    patch.setattr("atomicwrites._proper_fsync", _refuse(errno.ENOSPC))


def _protect(patch: pytest.MonkeyPatch) -> None:
    """Let no file be created, replaced or renamed."""
    patch.setattr("tempfile.mkstemp", _refuse(errno.EROFS))
    patch.setattr("os.rename", _refuse(errno.EROFS))
    patch.setattr("os.replace", _refuse(errno.EROFS))
    patch.setattr(Path, "rename", _refuse(errno.EROFS))


DISK_FAULTS: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "full disk": _fill,
    "read-only configuration folder": _protect,
}


@contextmanager
def broken_disk(fault: str) -> Generator[None]:
    """Let every writing to the disk fail."""
    with pytest.MonkeyPatch.context() as patch:
        DISK_FAULTS[fault](patch)
        yield


@contextmanager
def real_files(hass: HomeAssistant, config_dir: Path) -> Generator[Path]:
    """Let a test's Home Assistant keep real files, and return their folder."""
    storage = config_dir / ".storage"
    storage.mkdir()
    # Undone before the fixture that replaces these by something in memory.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "_async_load", READ)
        patch.setattr(Store, "_async_write_data", WRITE)
        patch.setattr(Store, "async_remove", REMOVE)
        patch.setattr(hass.config, "config_dir", str(config_dir))
        yield storage
