"""Which part of AWS a Region belongs to."""

from botocore.exceptions import UnknownRegionError
import botocore.session


def partition_of(region: str) -> str | None:
    """Return the partition of a Region, such as ``aws-cn``; ``None`` if botocore can't tell. Blocks."""
    try:
        return botocore.session.Session().get_partition_for_region(region)
    except UnknownRegionError:
        return None
