"""Checks what Home Assistant, HACS and Marketplace ask of this repository: `python -m scripts.validate`.

Their own validators judge the pushed repository; this says the same before, and more where theirs are lenient with
custom integrations: every action, trigger and condition has its texts and its icon.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
import json
from pathlib import Path
import re
import sys
from typing import Any

from PIL import Image
import yaml

from homeassistant.const import Platform
from scripts import schemas
from scripts.house import ROOT

# isort: split
import voluptuous as vol

BRAND_NAMES = {
    f"{dark}{kind}{scale}.png" for dark in ("", "dark_") for kind in ("icon", "logo") for scale in ("", "@2x")
}
DESCRIPTIONS: Mapping[str, tuple[str, str, vol.Schema]] = {
    "services": ("services.yaml", "services.py", schemas.SERVICES),
    "triggers": ("triggers.yaml", "trigger.py", schemas.AUTOMATION_PARTS),
    "conditions": ("conditions.yaml", "condition.py", schemas.AUTOMATION_PARTS),
}
"""Of each section of the texts and icons: the file that describes the same, and the module that has it."""
EVERYWHERE = {platform.value for platform in Platform} | {
    *("alert", "automation", "conversation", "default_config", "device_automation", "frontend", "group"),
    *("homeassistant", "input_boolean", "input_button", "input_datetime", "input_number", "input_select"),
    *("input_text", "labs", "media_source", "mjpeg", "onboarding", "panel_custom", "persistent_notification"),
    *("person", "script", "shopping_list", "stream", "sun", "system_health", "system_log", "timer", "webhook"),
    *("websocket_api", "zone"),
}
"""Components that may be imported without being a dependency."""
TEXTS = "translations/en.json"


class UnreadableError(Exception):
    """A file is missing or can't be parsed; the text names it."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What is looked at."""

    root: Path

    @property
    def integration(self) -> Path:
        """The folder of the integration: the only one."""
        folders = [path for path in (self.root / "custom_components").glob("*/") if path.name != "__pycache__"]
        if len(folders) != 1:
            names = ", ".join(sorted(path.name for path in folders)) or "none"
            raise UnreadableError(f"custom_components: must have one folder, has {names}")
        return folders[0]

    def has(self, name: str) -> bool:
        """Whether the integration has a file."""
        return (self.integration / name).is_file()

    def json(self, path: Path) -> Any:
        """Return a JSON file's content."""
        return self._parsed(path, json.loads)

    def described(self, name: str) -> dict[str, Any]:
        """Return what a YAML file of the integration describes."""
        if not self.has(name):
            return {}
        content: dict[str, Any] | None = self._parsed(self.integration / name, yaml.safe_load)
        return content or {}

    def module(self, path: Path) -> ast.Module:
        """Return a Python file's content."""
        return self._parsed(path, ast.parse)

    def modules(self) -> Iterator[tuple[str, ast.Module]]:
        """Give the integration's Python files with their names."""
        for path in sorted(self.integration.rglob("*.py")):
            yield str(path.relative_to(self.integration)), self.module(path)

    def _parsed[T](self, path: Path, parse: Callable[[str], T]) -> T:
        try:
            return parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UnreadableError(f"{path.name}: is missing") from None
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            raise UnreadableError(f"{path.name}: can't be read: {error}") from error


type Check = Callable[[Repository], Iterable[str]]


def _against(name: str, schema: vol.Schema, content: Any) -> Iterator[str]:
    try:
        schema(content)
    except vol.MultipleInvalid as error:
        for problem in error.errors:
            place = ".".join(str(key) for key in problem.path)
            yield f"{name}: {f'{place}: ' if place else ''}{problem.error_message}"


def check_beside(repository: Repository) -> Iterator[str]:
    """Check what lies beside the code. GitHub, and so HACS, recognises a licence by its whole text."""
    for name, pattern, problem in (
        ("README.md", r".*\S", "must say what this is: HACS shows it"),
        (
            "LICENSE",
            r"\s*Apache License\s+Version 2\.0, January 2004.*END OF TERMS AND CONDITIONS",
            "must be the whole text of the Apache License 2.0",
        ),
    ):
        path = repository.root / name
        content = path.read_text(encoding="utf-8") if path.is_file() else ""
        if not re.match(pattern, content, re.DOTALL):
            yield f"{name}: {problem}"


def check_hacs(repository: Repository) -> Iterator[str]:
    """Check the file that HACS and Marketplace read."""
    content = repository.json(repository.root / "hacs.json")
    yield from _against("hacs.json", schemas.HACS, content)
    if content.get("zip_release") and "filename" not in content:
        yield "hacs.json: zip_release needs filename, the name of the release's file"


def check_manifest(repository: Repository) -> Iterator[str]:
    """Check the manifest: its keys, their order and what they promise."""
    manifest = repository.json(repository.integration / "manifest.json")
    yield from _against("manifest.json", schemas.MANIFEST, manifest)
    first = [key for key in ("domain", "name") if key in manifest]
    if list(manifest) != (order := [*first, *sorted(manifest.keys() - set(first))]):
        yield f"manifest.json: must have its keys in this order: {', '.join(order)}"
    if manifest.get("domain") != repository.integration.name:
        yield f"manifest.json: domain must be the folder's name, {repository.integration.name}"
    if bool(manifest.get("config_flow")) != repository.has("config_flow.py"):
        yield "manifest.json: config_flow must be true if there is a config_flow.py, and only then"


def check_config_schema(repository: Repository) -> Iterator[str]:
    """Check that an integration with ``async_setup`` says what configuration.yaml may have of it."""
    tree = repository.module(repository.integration / "__init__.py")
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if functions & {"async_setup", "setup"} and "CONFIG_SCHEMA" not in assigned:
        yield "__init__.py: has async_setup, so needs CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)"


def check_imports(repository: Repository) -> Iterator[str]:
    """Check that whatever is imported of other integrations is a dependency."""
    manifest = repository.json(repository.integration / "manifest.json")
    free = EVERYWHERE | {*manifest.get("dependencies", ()), *manifest.get("after_dependencies", ())}
    free |= {path.stem for path in repository.integration.iterdir()}
    for name, tree in repository.modules():
        for component in sorted(_imported_components(tree) - free):
            yield f"{name}: imports the component {component}; add it to manifest.json's dependencies"


def _imported_components(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    nodes: list[ast.AST] = [tree]
    while nodes:
        match nodes.pop():
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
                nodes += orelse
            case ast.ImportFrom(module="homeassistant.components", level=0, names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module), level=0) if module.startswith("homeassistant.components."):
                found.add(module.split(".")[2])
            case ast.Import(names=names):
                modules = [alias.name for alias in names if alias.name.startswith("homeassistant.components.")]
                found |= {module.split(".")[2] for module in modules}
            case node:
                nodes += ast.iter_child_nodes(node)
    return found


def check_translations(repository: Repository) -> Iterator[str]:
    """Check the texts' structure and wording."""
    yield from _against(TEXTS, schemas.TRANSLATIONS, repository.json(repository.integration / TEXTS))


def check_icons(repository: Repository) -> Iterator[str]:
    """Check the icons' structure, and that they exist."""
    yield from _against("icons.json", schemas.ICONS, repository.json(repository.integration / "icons.json"))


def check_descriptions(repository: Repository) -> Iterator[str]:
    """Check that actions, triggers and conditions are described as Home Assistant's editor needs them."""
    for name, module, schema in DESCRIPTIONS.values():
        yield from _against(name, schema, repository.described(name))
        if repository.has(module) and not repository.has(name):
            yield f"{name}: is missing; {module} needs it"


def check_wording(repository: Repository) -> Iterator[str]:
    """Check that whatever is described has texts and an icon, and that nothing else has."""
    texts = repository.json(repository.integration / TEXTS)
    icons = repository.json(repository.integration / "icons.json")
    for section, (name, _, _) in DESCRIPTIONS.items():
        described = {key: value for key, value in repository.described(name).items() if not key.startswith(".")}
        for file, content, what in ((TEXTS, texts, "text"), ("icons.json", icons, "icon")):
            known = set(content.get(section, ()))
            for key in sorted(set(described) - known):
                yield f"{file}: {section}.{key} has no {what}; add one"
            for key in sorted(known - set(described)):
                yield f"{file}: {section}.{key} isn't in {name}; remove it"
        for key in sorted(set(described) & set(texts.get(section, ()))):
            yield from _check_fields(f"{section}.{key}", described[key] or {}, texts[section][key], texts)


def _check_fields(place: str, described: Mapping[str, Any], worded: Mapping[str, Any], texts: Any) -> Iterator[str]:
    fields: dict[str, Any] = {}
    sections = set()
    for key, field in described.get("fields", {}).items():
        inner = (field or {}).get("fields")
        sections |= {key} if inner else set()
        for name, content in (inner or {key: field}).items():
            if name in fields:
                yield f"services.yaml: {place} has the field {name} twice"
            fields[name] = content
    for kind, names in (("fields", set(fields)), ("sections", sections)):
        known = set(worded.get(kind, ()))
        for name in sorted(names - known):
            yield f"{TEXTS}: {place}.{kind}.{name} has no text; add one"
        for name in sorted(known - names):
            yield f"{TEXTS}: {place}.{kind}.{name} isn't described; remove it"
    for name, field in sorted(fields.items()):
        select = ((field or {}).get("selector") or {}).get("select") or {}
        if key := select.get("translation_key"):
            options = set(texts.get("selector", {}).get(key, {}).get("options", ()))
            if missing := sorted(set(select.get("options", ())) - options):
                yield f"{TEXTS}: selector.{key}.options lacks {', '.join(missing)}, which {place}.{name} offers"


def check_brand(repository: Repository) -> Iterator[str]:
    """Check the pictures that Home Assistant serves: all eight, as large as it wants them, and transparent."""
    folder = repository.integration / "brand"
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    yield from (f"brand/{name}: is missing" for name in sorted(BRAND_NAMES - present))
    yield from (f"brand/{name}: isn't served; remove it" for name in sorted(present - BRAND_NAMES))
    for name in sorted(present & BRAND_NAMES):
        scale = 2 if "@2x" in name else 1
        with Image.open(folder / name) as image:
            width, height = image.size
            if "icon" in name and (width, height) != (256 * scale, 256 * scale):
                yield f"brand/{name}: is {width}×{height}, must be {256 * scale}×{256 * scale}"
            if "logo" in name and (height != 128 * scale or width <= height):
                yield f"brand/{name}: is {width}×{height}, must be {128 * scale} high, and wider than that"
            if image.mode != "RGBA":
                yield f"brand/{name}: must have a transparent background (RGBA), has {image.mode}"


CHECKS: tuple[Check, ...] = (
    check_beside,
    check_hacs,
    check_manifest,
    check_config_schema,
    check_imports,
    check_translations,
    check_icons,
    check_descriptions,
    check_wording,
    check_brand,
)


def complaints(root: Path) -> list[str]:
    """Return everything that is wrong, each once, as ``file: what is wrong, what to do``."""
    repository = Repository(root)
    found: dict[str, None] = {}
    for check in CHECKS:
        try:
            found |= dict.fromkeys(check(repository))
        except UnreadableError as error:
            found[str(error)] = None
    return list(found)


def main() -> int:
    """Print what is wrong."""
    problems = complaints(ROOT)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
