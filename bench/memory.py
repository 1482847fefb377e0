"""The memory of this process."""

from pathlib import Path
import resource


def resident() -> int:
    """Return the memory in use, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()
