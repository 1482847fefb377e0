"""Checks that every JSON and YAML file parses and that every shell script is valid: `python -m scripts.check_files`."""

from collections.abc import Iterator
import json
from pathlib import Path
import subprocess
import sys
from typing import Any

import yaml

from scripts.house import ROOT


class _HomeAssistantLoader(yaml.SafeLoader):
    """YAML with tags of Home Assistant's own (`!secret`, `!input`), whatever they stand for."""


def _any_tag(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_HomeAssistantLoader.add_multi_constructor("!", _any_tag)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is given twice, of which JSON would silently take the last."""
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate keys: {sorted({key for key in keys if keys.count(key) > 1})}")
    return content


def check(path: Path) -> str | None:
    """Return what is wrong with a file, or None."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            json.loads(text, object_pairs_hook=_no_duplicates)
        elif path.suffix in {".yaml", ".yml"}:
            for _ in yaml.load_all(text, Loader=_HomeAssistantLoader):
                pass
        elif text.startswith("#!") and text.splitlines()[0].endswith(("bash", "/sh")):
            result = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
            return result.stderr.strip() or None
    except (UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        return str(error)
    return None


def _sources() -> Iterator[Path]:
    """Yield the files that git has, or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in sorted(set(filter(None, names.split("\0")))):
        path = ROOT / name
        is_script = path.is_file() and not path.suffix and path.parent.name in {"scripts", ".ci"}
        if path.is_file() and (path.suffix in {".json", ".yaml", ".yml"} or is_script):
            yield path


def main() -> int:
    """Report every file that is broken."""
    problems = {path: problem for path in _sources() if (problem := check(path))}
    for path, problem in problems.items():
        print(f"{path.relative_to(ROOT)}: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
