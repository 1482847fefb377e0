"""Every language says all that English says, with the same placeholders, and Home Assistant takes it."""

from collections import Counter
from collections.abc import Iterator, Mapping
import json
from pathlib import Path
import re
from typing import Any

import pytest

import custom_components.mi_registration as integration
from custom_components.mi_registration.aws.identifiers import ASSOCIATION_NAME
from custom_components.mi_registration.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.generated.languages import LANGUAGES as KNOWN_LANGUAGES
from homeassistant.helpers.translation import async_get_translations, recursive_flatten
from scripts.check_files import check
from scripts.schemas import TRANSLATIONS

# isort: split
import voluptuous as vol

FOLDER = Path(integration.__path__[0]) / "translations"
ENGLISH = FOLDER / "en.json"
LANGUAGES = ("de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hans")

SAME_AS_ENGLISH: Mapping[str, tuple[str, ...]] = {
    # Names of protocols.
    "Z-Wave": LANGUAGES,
    "Zigbee": LANGUAGES,
    # The same word in that language, or the one that Home Assistant and AWS use in it.
    "Cloud": ("de", "fr", "it", "nl"),
    "Hub": ("de", "es", "fr", "it", "nl", "pl", "pt-BR"),
    "Hubs": ("de", "es", "fr", "nl", "pt-BR"),
    "Manual": ("es", "pt-BR"),
    "Name": ("de",),
    "Options": ("fr",),
    "Timeout": ("it",),
}

PLACEHOLDER = re.compile(r"\{\w+\}")
EXAMPLE_NAMES = {
    "de": "Lichter des Hauses",
    "en": "Lights of the house",
    "es": "Luces de la casa",
    "fr": "Lampes de la maison",
    "it": "Luci di casa",
    "ja": "House lights",
    "nl": "Lampen in huis",
    "pl": "Lampy w domu",
    "pt-BR": "Luzes da casa",
    "zh-Hans": "House lights",
}
"""Of an account association's name, as the form suggests it."""

VERBATIM = {
    "code": re.compile(r"```.*?```|`[^`]*`", re.DOTALL),
    "links": re.compile(r"\]\(([^)]*)\)"),
    # An ARN, an IAM action, or another word of AWS with colons.
    "identifiers": re.compile(r"[\w-]+(?::[\w/-]*)*:[\w/-]+", re.ASCII),
    # What a field accepts besides letters and digits.
    "characters": re.compile(r"[_=:](?: ?[_.,=:@-])+"),
}
NUMBER = re.compile(r"\d+", re.ASCII)
PRODUCT = "AWS IoT Managed Integrations"
QUOTED_BRACE = re.compile(r"'[{}]")


def texts_of(file: Path) -> dict[str, str]:
    """Return all texts of a file, each with its dotted path."""
    return recursive_flatten("", json.loads(file.read_text(encoding="utf-8")))


def faults(file: Path) -> list[str]:
    """Return what is wrong with a translation."""
    if unreadable := check(file):
        return [unreadable]
    return [*_faults_of_file(file), *_faults_of_texts(texts_of(file), texts_of(ENGLISH))]


def _faults_of_file(file: Path) -> Iterator[str]:
    raw = file.read_text(encoding="utf-8")
    content = json.loads(raw)
    if raw != json.dumps(content, ensure_ascii=False, indent=2) + "\n":
        yield "isn't written like the others"
    try:
        TRANSLATIONS(content)
    except vol.MultipleInvalid as invalid:
        yield from map(str, invalid.errors)


def _faults_of_texts(texts: Mapping[str, str], english: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{key}: is missing" for key in english if key not in texts)
    yield from (f"{key}: isn't in English" for key in texts if key not in english)
    if [key for key in texts if key in english] != [key for key in english if key in texts]:
        yield "is in another order than English"
    for key, text in texts.items():
        if key in english:
            yield from (f"{key}: {fault}" for fault in _faults_of_text(text, english[key]))


def _faults_of_text(text: str, english: str) -> Iterator[str]:
    if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(english)):
        yield "has other placeholders"
    if QUOTED_BRACE.search(text):
        yield "has a ' before a brace, which keeps the frontend from filling in the placeholder"
    for what, pattern in VERBATIM.items():
        if Counter(pattern.findall(text)) != Counter(pattern.findall(english)):
            yield f"has other {what}"
    if missing := Counter(NUMBER.findall(english)) - Counter(NUMBER.findall(text)):
        yield f"lacks the number {min(missing)}"
    if PRODUCT in english and PRODUCT not in text:
        yield "lacks the integration's name"


def test_files() -> None:
    """English and the nine languages are all there, under names that Home Assistant knows."""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{name}.json" for name in ("en", *LANGUAGES))
    assert set(LANGUAGES) <= KNOWN_LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_parity(language: str) -> None:
    assert faults(FOLDER / f"{language}.json") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translated(language: str) -> None:
    """Only what is the same word in that language reads as in English."""
    english = texts_of(ENGLISH)
    same = {text for key, text in texts_of(FOLDER / f"{language}.json").items() if text == english[key]}
    assert same == {text for text, languages in SAME_AS_ENGLISH.items() if language in languages}


@pytest.mark.parametrize(("language", "name"), EXAMPLE_NAMES.items())
def test_example_is_accepted(language: str, name: str) -> None:
    """AWS takes the name that is suggested: it has no letters but a to z."""
    texts = texts_of(FOLDER / f"{language}.json")
    assert name in texts["config_subentries.account_association.step.create.data_description.name"]
    assert ASSOCIATION_NAME.fullmatch(name)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_home_assistant_loads(hass: HomeAssistant, language: str) -> None:
    """Home Assistant shows no English in place of a text that it refuses."""
    content: dict[str, Any] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    for category, texts in content.items():
        shown = await async_get_translations(hass, language, category, [DOMAIN])
        assert shown == recursive_flatten(f"component.{DOMAIN}.{category}.", texts)


BROKEN = {
    "placeholder missing": ("von {title} nicht", "nicht", "has other placeholders"),
    "placeholder translated": ("von {title} nicht", "von {titel} nicht", "has other placeholders"),
    "placeholder after an apostrophe": ("von {title} nicht", "von '{title} nicht", "has a ' before a brace"),
    "placeholder in quotes": ("von {title} nicht", "von '{title}' nicht", "in single quotes"),
    "braces unbalanced": ("von {title} nicht", "von {title nicht", "braces must be balanced"),
    "placeholder in a unit": ('"Objekte"', '"{count} Objekte"', "nothing is filled in here"),
    "code span": ("`{file}`", "{file}", "has other code"),
    "code block": (r"```\n{statement}\n```", "{statement}", "has other code"),
    "link": ("]({authorization_url})", " {authorization_url}", "has other links"),
    "identifier": ("secretsmanager:GetSecretValue", "secretsmanager:HoleSecret", "has other identifiers"),
    "characters": ("_ = , @ -", "_ = , @", "has other characters"),
    "number": ("1 bis 1440", "1 bis 144", "lacks the number 1440"),
    "product": ("kennt AWS IoT Managed Integrations nicht:", "kennt den Dienst nicht:", "lacks the integration's name"),
    "empty text": ('"Zugriffsschlüssel-ID"', '""', "a text is wanted"),
    "blank": ('"Zugriffsschlüssel-ID"', '"Zugriffsschlüssel-ID "', "remove the blanks"),
    "HTML": ('"Zugriffsschlüssel-ID"', '"<b>Zugriffsschlüssel</b>-ID"', "HTML isn't shown"),
    "address": ('"Zugriffsschlüssel-ID"', '"https://example.com"', "a URL would be translated"),
    "key missing": ('"region": "AWS-Region",\n', "", "data.region: is missing"),
    "key too many": ('"title": "Optionen",', '"title": "Optionen",\n        "subtitle": "Mehr",', "isn't in English"),
    "key twice": ('"title": "Optionen",', '"title": "Optionen",\n        "title": "Optionen",', "duplicate keys"),
    "order": (
        '"title": "Optionen",\n        "description": "Wie oft',
        '"description": "Wie oft, und Optionen",\n        "title": "Wie oft',
        "is in another order than English",
    ),
    "escaped": ("Zugriffsschlüssel", r"Zugriffsschl\u00fcssel", "isn't written like the others"),
    "no JSON": ('"config": {', "config: {", "Expecting property name"),
}


@pytest.mark.parametrize(("right", "wrong", "fault"), BROKEN.values(), ids=BROKEN.keys())
def test_faults_are_found(tmp_path: Path, right: str, wrong: str, fault: str) -> None:
    """What could go wrong in a translation doesn't stay unnoticed."""
    text = (FOLDER / "de.json").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "de.json"
    broken.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    assert any(fault in found for found in faults(broken)), faults(broken)


def test_wrong_encoding_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "de.json"
    broken.write_text((FOLDER / "de.json").read_text(encoding="utf-8"), encoding="utf-16")
    assert len(faults(broken)) == 1
