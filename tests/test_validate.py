"""What `scripts/lint` says of files that Home Assistant, HACS or Marketplace would refuse: exactly that, and where."""

from collections.abc import Callable
import json
from pathlib import Path
import shutil
from typing import Any

from PIL import Image
import pytest

from custom_components.mi_registration.const import DOMAIN
from scripts.house import ROOT
from scripts.validate import complaints

type Change = Callable[[Path], None]

HERE = f"custom_components/{DOMAIN}"
MANIFEST, ICONS, EN = f"{HERE}/manifest.json", f"{HERE}/icons.json", f"{HERE}/translations/en.json"
SERVICES, BRAND = f"{HERE}/services.yaml", f"{HERE}/brand"
TEXTS = "translations/en.json"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy what is looked at."""
    root = tmp_path / "repository"
    shutil.copytree(ROOT / HERE, root / HERE, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", "hacs.json"):
        shutil.copy(ROOT / name, root)
    return root


def edit(name: str, change: Callable[[Any], object]) -> Change:
    """Return a change of a JSON file."""

    def apply(root: Path) -> None:
        content = json.loads((root / name).read_text(encoding="utf-8"))
        change(content)
        (root / name).write_text(json.dumps(content), encoding="utf-8")

    return apply


def put(name: str, path: str, value: Any) -> Change:
    """Return a change that sets a value in a JSON file."""
    *parents, last = path.split(".")

    def change(content: Any) -> None:
        for key in parents:
            content = content.setdefault(key, {})
        content[last] = value

    return edit(name, change)


def drop(name: str, path: str) -> Change:
    """Return a change that removes a key of a JSON file."""
    *parents, last = path.split(".")

    def change(content: Any) -> None:
        for key in parents:
            content = content[key]
        del content[last]

    return edit(name, change)


def replace(name: str, old: str, new: str) -> Change:
    """Return a change of a text."""

    def apply(root: Path) -> None:
        content = (root / name).read_text(encoding="utf-8")
        assert old in content
        (root / name).write_text(content.replace(old, new, 1), encoding="utf-8")

    return apply


def write(name: str, content: str) -> Change:
    """Return a change that writes a file."""

    def apply(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")

    return apply


def append(name: str, content: str) -> Change:
    """Return a change that adds to the end of a file."""
    return lambda root: write(name, (root / name).read_text(encoding="utf-8") + content)(root)


def remove(name: str) -> Change:
    """Return a change that removes a file."""
    return lambda root: (root / name).unlink()


def picture(name: str, size: tuple[int, int], mode: str = "RGBA") -> Change:
    """Return a change that draws a picture."""
    return lambda root: Image.new(mode, size).save(root / BRAND / name)


def both(*changes: Change) -> Change:
    """Return several changes as one."""

    def apply(root: Path) -> None:
        for change in changes:
            change(root)

    return apply


def described(content: str = "  fields: {}", section: str = "services", field: str = "at") -> Change:
    """Return a change that adds an action, trigger or condition with its icon, and with texts of one field."""
    return both(
        append(f"{HERE}/{section}.yaml", f"\nlook:\n{content}\n"),
        put(EN, f"{section}.look", {"name": "Look", "description": "Looks.", "fields": {field: {"name": "Field"}}}),
        put(ICONS, f"{section}.look", {section.removesuffix("s"): "mdi:eye"}),
    )


def worded(text: str) -> Change:
    """Return a change of a text."""
    return put(EN, "exceptions.cannot_connect.message", text)


WORDED = f"{TEXTS}: exceptions.cannot_connect.message: "
USER = "config.step.user"


CASES: dict[str, tuple[Change, str]] = {
    # The repository
    "second integration": (
        write("custom_components/other/manifest.json", "{}"),
        f"custom_components: must have one folder, has {DOMAIN}, other",
    ),
    "no readme": (remove("README.md"), "README.md: must say what this is: HACS shows it"),
    "no licence": (remove("LICENSE"), "LICENSE: must be the whole text of the Apache License 2.0"),
    "short licence": (write("LICENSE", "Apache-2.0"), "LICENSE: must be the whole text of the Apache License 2.0"),
    # hacs.json
    "no hacs.json": (remove("hacs.json"), "hacs.json: is missing"),
    "hacs name": (drop("hacs.json", "name"), "hacs.json: name: required key not provided"),
    "hacs key": (put("hacs.json", "domains", ["sensor"]), "hacs.json: domains: not a valid option"),
    "hacs type": (put("hacs.json", "render_readme", "yes"), "hacs.json: render_readme: expected bool"),
    "hacs oldest": (
        put("hacs.json", "homeassistant", "new"),
        "hacs.json: homeassistant: a version such as 1.2.3 or 1.2.3b1 is wanted",
    ),
    "hacs zip": (
        drop("hacs.json", "filename"),
        "hacs.json: zip_release needs filename, the name of the release's file",
    ),
    # manifest.json
    "broken manifest": (
        write(MANIFEST, "{"),
        "manifest.json: can't be read: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    "no version": (drop(MANIFEST, "version"), "manifest.json: version: required key not provided"),
    "no issue tracker": (drop(MANIFEST, "issue_tracker"), "manifest.json: issue_tracker: required key not provided"),
    "version": (
        put(MANIFEST, "version", "latest"),
        "manifest.json: version: a version such as 1.2.3 or 1.2.3b1 is wanted",
    ),
    "manifest key": (
        edit(MANIFEST, lambda manifest: [manifest.update({key: manifest.pop(key)}) for key in _with_icon(manifest)]),
        "manifest.json: icon: not a valid option",
    ),
    "manifest type": (put(MANIFEST, "config_flow", "yes"), "manifest.json: config_flow: expected bool"),
    "order": (
        edit(MANIFEST, lambda manifest: manifest.update(codeowners=manifest.pop("codeowners"))),
        (
            "manifest.json: must have its keys in this order: domain, name, codeowners, config_flow, documentation,"
            " integration_type, iot_class, issue_tracker, requirements, version"
        ),
    ),
    "domain": (
        put(MANIFEST, "domain", "other"),
        f"manifest.json: domain must be the folder's name, {DOMAIN}",
    ),
    "code owner": (
        put(MANIFEST, "codeowners", ["me"]),
        "manifest.json: codeowners.0: a GitHub name with @ before it is wanted",
    ),
    "documentation": (
        put(MANIFEST, "documentation", "https://www.home-assistant.io/integrations/mi_registration"),
        "manifest.json: documentation: those pages are of Home Assistant's own integrations; give the address of ours",
    ),
    "plain http": (
        put(MANIFEST, "documentation", "http://example.com"),
        "manifest.json: documentation: an https address is wanted",
    ),
    "requirement": (
        put(MANIFEST, "requirements", ["boto3 >= 1.0"]),
        "manifest.json: requirements.0: a requirement without blanks is wanted, such as boto3>=1.0",
    ),
    "no config flow": (
        put(MANIFEST, "config_flow", value=False),
        "manifest.json: config_flow must be true if there is a config_flow.py, and only then",
    ),
    # Python
    "no __init__.py": (remove(f"{HERE}/__init__.py"), "__init__.py: is missing"),
    "configuration schema": (
        replace(f"{HERE}/__init__.py", "CONFIG_SCHEMA =", "OTHER_SCHEMA ="),
        "__init__.py: has async_setup, so needs CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)",
    ),
    "import of a module": (
        write(f"{HERE}/a.py", "from homeassistant.components.recorder import get_instance\n"),
        "a.py: imports the component recorder; add it to manifest.json's dependencies",
    ),
    "import of a package": (
        write(f"{HERE}/a.py", "if True:\n    from homeassistant.components import http, sensor\n"),
        "a.py: imports the component http; add it to manifest.json's dependencies",
    ),
    "import by name": (
        write(f"{HERE}/aws/a.py", "import homeassistant.components.usb.const\n"),
        "aws/a.py: imports the component usb; add it to manifest.json's dependencies",
    ),
    # services.yaml
    "unknown key": (described("  frob: 1\n  fields: {at: {}}"), "services.yaml: look.frob: not a valid option"),
    "part that is only referred to": (
        append(SERVICES, "\n.look:\n  fields: {}\n"),
        "services.yaml: .look: a key has small letters and digits, with single - or _ between them",
    ),
    "filter without a target": (
        described("  fields: {at: {filter: {supported_features: [light.LightEntityFeature.FLASH]}}}"),
        "services.yaml: look.fields.at.filter: not a valid option",
    ),
    "unknown selector": (
        described("  fields: {at: {selector: {frob: {}}}}"),
        "services.yaml: look.fields.at.selector: Unknown selector type frob found",
    ),
    "empty field": (described("  fields: {at: }"), "services.yaml: look.fields.at: expected a mapping"),
    "empty example": (
        described("  fields: {at: {example: }}"),
        "services.yaml: look.fields.at.example: leave it out instead of leaving it empty",
    ),
    "device target": (
        described("  target: {device: {integration: x}}\n  fields: {at: {}}"),
        "services.yaml: look.target: a target is chosen by its entities; filter these instead of devices",
    ),
    "field twice": (
        both(
            described("  fields: {at: {}, more: {fields: {at: {}}}}"),
            put(EN, "services.look.sections", {"more": {"name": "More"}}),
        ),
        "services.yaml: services.look has the field at twice",
    ),
    "field without a text": (
        described("  fields: {at: {}, by: {}}"),
        f"{TEXTS}: services.look.fields.by has no text; add one",
    ),
    "text without a field": (described(), f"{TEXTS}: services.look.fields.at isn't described; remove it"),
    "section without a text": (
        described("  fields: {more: {fields: {at: {}}}}"),
        f"{TEXTS}: services.look.sections.more has no text; add one",
    ),
    "option without a text": (
        drop(EN, "selector.discovery_type.options.zwave"),
        (
            f"{TEXTS}: selector.discovery_type.options lacks zwave,"
            " which services.start_device_discovery.discovery_type offers"
        ),
    ),
    "action without a text": (
        drop(EN, "services.match_device"),
        f"{TEXTS}: services.match_device has no text; add one",
    ),
    "action without an icon": (
        drop(ICONS, "services.match_device"),
        "icons.json: services.match_device has no icon; add one",
    ),
    "text without an action": (
        put(EN, "services.look", {"name": "Look", "description": "Looks."}),
        f"{TEXTS}: services.look isn't in services.yaml; remove it",
    ),
    "icon without an action": (
        put(ICONS, "services.look", {"service": "mdi:eye"}),
        "icons.json: services.look isn't in services.yaml; remove it",
    ),
    # triggers.yaml, conditions.yaml
    "trigger without an icon": (
        drop(ICONS, "triggers.device_registered"),
        "icons.json: triggers.device_registered has no icon; add one",
    ),
    "trigger without a text": (
        drop(EN, "triggers.device_registered"),
        f"{TEXTS}: triggers.device_registered has no text; add one",
    ),
    "condition without an icon": (
        drop(ICONS, "conditions.is_registered"),
        "icons.json: conditions.is_registered has no icon; add one",
    ),
    "advanced field of a condition": (
        described("  fields: {at: {advanced: true}}", "conditions"),
        "conditions.yaml: look.fields.at.advanced: not a valid option",
    ),
    "section in a trigger": (
        described("  fields: {more: {fields: {}}}", "triggers", "more"),
        "triggers.yaml: look.fields.more.fields: not a valid option",
    ),
    "no triggers.yaml": (
        both(remove(f"{HERE}/triggers.yaml"), drop(EN, "triggers"), drop(ICONS, "triggers")),
        "triggers.yaml: is missing; trigger.py needs it",
    ),
    # translations/en.json
    "unknown section": (put(EN, "frob", {}), f"{TEXTS}: frob: not a valid option"),
    "key": (
        put(EN, "exceptions.Bad__key", {"message": "No"}),
        f"{TEXTS}: exceptions.Bad__key: a key has small letters and digits, with single - or _ between them",
    ),
    "no text": (worded(""), f"{WORDED}a text is wanted"),
    "HTML": (worded("Be <b>bold</b>"), f"{WORDED}HTML isn't shown; use Markdown"),
    "address": (
        worded("See https://example.com"),
        f"{WORDED}a URL would be translated; give it as a placeholder",
    ),
    "blank": (worded("Hello "), f"{WORDED}remove the blanks at the beginning or the end"),
    "quoted placeholder": (
        worded("No '{message}'"),
        f"{WORDED}a placeholder in single quotes isn't filled in; remove the quotes",
    ),
    "reference": (
        worded("[%key:common::no%]"),
        f"{WORDED}references aren't resolved here; write the text itself",
    ),
    "open brace": (worded("No {message"), f"{WORDED}braces must be balanced"),
    "placeholder's name": (
        worded("No {the message}"),
        f"{WORDED}a placeholder's name may have letters, digits and _ only",
    ),
    "placeholder in a state": (
        put(EN, "entity.sensor.registration.state.failed", "Failed: {why}"),
        f"{TEXTS}: entity.sensor.registration.state.failed: nothing is filled in here; remove the placeholder",
    ),
    "placeholder in an attribute": (
        put(EN, "entity.sensor.registration.state_attributes.last_error.name", "Error of {name}"),
        (
            f"{TEXTS}: entity.sensor.registration.state_attributes.last_error.name:"
            " nothing is filled in here; remove the placeholder"
        ),
    ),
    "no step": (drop(EN, "options.step"), f"{TEXTS}: options.step: required key not provided"),
    "key of a step": (put(EN, f"{USER}.heading", "No"), f"{TEXTS}: {USER}.heading: not a valid option"),
    "description of no field": (
        put(EN, f"{USER}.data_description.frob", "No"),
        f"{TEXTS}: {USER}: data_description has frob, data doesn't",
    ),
    "description of no field in a section": (
        put(EN, f"{USER}.sections.advanced.data_description.frob", "No"),
        f"{TEXTS}: {USER}.sections.advanced: data_description has frob, data doesn't",
    ),
    "no entry type": (
        drop(EN, "config_subentries.account_association.entry_type"),
        f"{TEXTS}: config_subentries.account_association.entry_type: required key not provided",
    ),
    "issue without a title": (
        drop(EN, "issues.clock_skew.title"),
        f"{TEXTS}: issues.clock_skew: a title is wanted",
    ),
    "issue with both": (
        put(EN, "issues.clock_skew.fix_flow", {"step": {"confirm": {"title": "Fix"}}}),
        f"{TEXTS}: issues.clock_skew: either description or fix_flow is wanted",
    ),
    "action without a name": (
        drop(EN, "services.match_device.name"),
        f"{TEXTS}: services.match_device.name: required key not provided",
    ),
    # icons.json
    "icon section": (put(ICONS, "frob", {}), "icons.json: frob: not a valid option"),
    "other icons": (
        put(ICONS, "services.match_device.service", "fas:link"),
        "icons.json: services.match_device.service: an icon begins with mdi:",
    ),
    "no such icon": (
        put(ICONS, "entity.sensor.registration.state.failed", "mdi:alert-circel"),
        "icons.json: entity.sensor.registration.state.failed: Home Assistant has no icon mdi:alert-circel",
    ),
    "range": (
        put(ICONS, "entity.sensor.pending_registrations.range.many", "mdi:tray"),
        "icons.json: entity.sensor.pending_registrations.range.many: a range begins with a number",
    ),
    # brand
    "no icon": (remove(f"{BRAND}/icon.png"), "brand/icon.png: is missing"),
    "other picture": (picture("banner.png", (9, 9)), "brand/banner.png: isn't served; remove it"),
    "small icon": (picture("icon@2x.png", (256, 256)), "brand/icon@2x.png: is 256×256, must be 512×512"),
    "high logo": (
        picture("logo.png", (128, 128)),
        "brand/logo.png: is 128×128, must be 128 high, and wider than that",
    ),
    "opaque icon": (
        picture("dark_icon.png", (256, 256), "RGB"),
        "brand/dark_icon.png: must have a transparent background (RGBA), has RGB",
    ),
}


def _with_icon(manifest: dict[str, Any]) -> list[str]:
    """Add a key that isn't allowed; return the keys that belong behind it."""
    manifest["icon"] = "mdi:cloud"
    return [key for key in sorted(manifest) if key > "icon" and key != "name"]


def test_this_repository() -> None:
    assert complaints(ROOT) == []


@pytest.mark.parametrize(("change", "complaint"), CASES.values(), ids=CASES)
def test_complaint(tree: Path, change: Change, complaint: str) -> None:
    change(tree)
    assert complaints(tree) == [complaint]


@pytest.mark.parametrize(
    "code",
    [
        "from homeassistant.components.sensor import SensorEntity",
        "from homeassistant.components import diagnostics",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import homeassistant.components.recorder",
        "from .homeassistant.components.recorder import x",
    ],
)
def test_imports_that_need_no_dependency(tree: Path, code: str) -> None:
    write(f"{HERE}/a.py", f"{code}\n")(tree)
    assert complaints(tree) == []


def test_parts_of_triggers_may_be_referred_to(tree: Path) -> None:
    append(f"{HERE}/triggers.yaml", "\n.seen: &seen\n  fields: {}\n")(tree)
    assert complaints(tree) == []


def test_a_dependency_may_be_imported(tree: Path) -> None:
    write(f"{HERE}/a.py", "import homeassistant.components.recorder\n")(tree)
    replace(MANIFEST, '  "documentation"', '  "dependencies": ["recorder"],\n  "documentation"')(tree)
    assert complaints(tree) == []
