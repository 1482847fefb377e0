"""What a release of Home Assistant would install as the house starts; printed by the Python that has that release.

The house's Home Assistant runs with --skip-pip, so that a start needs no network.
"""

from collections.abc import Iterable
import json
from pathlib import Path

from homeassistant import bootstrap, components

ROOT = Path(__file__).resolve().parent.parent
ALSO_LOADED = ("hassio", "history", "isal", "logbook", "trace")
"""What the house's configuration, or one of the default integrations, imports besides."""
NEED_A_COMPILER = ("pymicro-vad", "pyspeex-noise")
"""scripts/setup installs other versions of these."""


def requirements(domains: Iterable[str]) -> set[str]:
    """Return what the manifests of integrations, and of those that they depend on, ask for."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = list(domains)
    while todo:
        domain = todo.pop()
        if domain in seen:
            continue
        seen.add(domain)
        path = Path(components.__path__[0]) / domain / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found.update(manifest.get("requirements", ()))
        todo += manifest.get("dependencies", ())
    return found


def main() -> None:
    """Print them, one a line."""
    ours = json.loads((ROOT / "custom_components/mi_registration/manifest.json").read_text(encoding="utf-8"))
    found = requirements([*bootstrap.DEFAULT_INTEGRATIONS, *ALSO_LOADED])
    for requirement in sorted(found | set(ours["requirements"])):
        if not requirement.startswith(NEED_A_COMPILER):
            print(requirement)


if __name__ == "__main__":
    main()
