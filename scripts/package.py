"""Builds what a release ships, as HACS and Marketplace unpack it: `scripts/package v1.2.3`."""

import argparse
import json
from pathlib import Path
import subprocess
import sys
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from scripts import schemas
from scripts.house import DOMAIN, ROOT

# isort: split
import voluptuous as vol

ARCHIVE = Path("dist") / f"{DOMAIN}.zip"
"""Named in hacs.json."""
MANIFEST = "manifest.json"
_ANY_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of every file, so that the same sources give the same archive."""


def version_of(tag: str) -> str:
    """Return the version that a tag names; raises ``ValueError`` if it names none."""
    version = tag.removeprefix("v")
    try:
        return str(schemas.version(version))
    except vol.Invalid as error:
        raise ValueError(f"the tag {tag!r} is no version: {error}") from error


def build(root: Path, version: str) -> Path:
    """Pack the files that git knows, with a version in the manifest."""
    folder = root / "custom_components" / DOMAIN
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    archive = root / ARCHIVE
    archive.parent.mkdir(exist_ok=True)
    with ZipFile(archive, "w") as target:
        for name in sorted(filter(None, names)):
            content = (folder / name).read_bytes()
            if name == MANIFEST:
                content = f"{json.dumps(json.loads(content) | {'version': version}, indent=2)}\n".encode()
            info = ZipInfo(name, _ANY_TIME)
            info.external_attr = 0o644 << 16
            target.writestr(info, content, ZIP_DEFLATED)
    return archive


def main() -> int:
    """Build the archive, or say why the tag won't do."""
    parser = argparse.ArgumentParser(prog="scripts/package", description=__doc__)
    parser.add_argument("tag", help="the release's tag, such as v1.2.3")
    tag = parser.parse_args().tag
    try:
        version = version_of(tag)
    except ValueError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    print(f"package: {build(ROOT, version).relative_to(ROOT)} is version {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
