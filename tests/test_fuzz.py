"""Whatever the cloud sends, a user types or a disk holds: it is understood or refused, and nothing else.

The profile ``ci`` is short and the same in every run. ``HYPOTHESIS_PROFILE=long scripts/test tests/test_fuzz.py`` looks
for what nobody thought of yet.
"""

from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
import json
import os
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from hypothesis import HealthCheck, example, given, settings, strategies as st
import pytest
from urllib3 import HTTPResponse

from custom_components.mi_registration import config_flow, services
from custom_components.mi_registration.aws import certificates, endpoints, iot_credentials, models
from custom_components.mi_registration.aws.answers import page_of
from custom_components.mi_registration.aws.clock import Clock, http_date
from custom_components.mi_registration.aws.errors import AwsError, from_exception
from custom_components.mi_registration.aws.identifiers import malformed
from custom_components.mi_registration.aws.redaction import redact_text
from custom_components.mi_registration.certificate_files import CertificateFilesError, _resolve
from custom_components.mi_registration.inventory import Inventory
from custom_components.mi_registration.store import Intent, IntentKind, MatchingStore, Queue, _parse_inventory

# isort: split
import voluptuous as vol

settings.register_profile("ci", max_examples=60, derandomize=True, deadline=None, database=None)
settings.register_profile(
    "long",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "100000")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TEXT = st.text() | st.text(alphabet=st.characters(codec="ascii"))
STAMP = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
DATES = (
    TEXT
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,30} \d{1,4}:\d\d:\d\d [+-]\d{1,12}", fullmatch=True)
    | st.from_regex(
        r"\d{1,20} [A-Z][a-z]{2} -?\d{1,20} \d{1,20}:\d{1,20}(:\d{1,20})? (GMT|[+-]\d{1,20})", fullmatch=True
    )
)


@PROFILE
@given(DATES)
@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example("Mon, 01 Jan 2026 00:00:00 +99999999999999999999")
def test_dates(value: str) -> None:
    """A header holds a time, or none."""
    moment = http_date(value)
    assert moment is None or moment.tzinfo is not None
    clock = Clock()
    clock.measure({"x-amzn-requestid": "1", "date": value})
    assert clock.now().tzinfo is not None


HEADERS = st.fixed_dictionaries(
    {}, optional={"date": DATES, "retry-after": DATES | st.from_regex(r"\d{1,400}", fullmatch=True)}
)
CODES = (
    st.sampled_from(["SignatureDoesNotMatch", "AccessDeniedException", "ThrottlingException", "ExpiredToken"]) | TEXT
)
MESSAGES = (
    TEXT
    | JSON
    | st.from_regex(
        r"Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - \d+ min", fullmatch=True
    )
)


@PROFILE
@given(code=CODES | JSON, message=MESSAGES, headers=HEADERS, status=st.integers(100, 599), renewable=st.booleans())
@example(
    code="SignatureDoesNotMatch",
    message="Signature expired: 1 is now earlier than 2 (99999999T999999Z - 5 min.)",
    headers={},
    status=403,
    renewable=False,
)
def test_errors(*, code: Any, message: Any, headers: dict[str, str], status: int, renewable: bool) -> None:
    """Every refusal is sorted, and can be shown."""
    error = from_exception(
        ClientError(
            {
                "Error": {"Code": code, "Message": message},
                "ResponseMetadata": {
                    "HTTPStatusCode": status,
                    "HTTPHeaders": headers,
                    "RequestId": "r",
                    "RetryAttempts": 0,
                    "HostId": "",
                },
            },
            "ListManagedThings",
        ),
        operation="ListManagedThings",
        service="iotmanagedintegrations",
        secrets={"hunter2"},
        now=NOW,
        renewable=renewable,
    )
    assert isinstance(error, AwsError)
    assert all(isinstance(value, str) for value in error.placeholders.values())
    assert error.retry_after is None or error.retry_after >= 0
    assert "hunter2" not in error.message


WIRE = st.dictionaries(
    st.sampled_from(
        [
            *("Id", "ManagedThingId", "AccountAssociationId", "Name", "Role", "ProvisioningStatus", "Connected", "Arn"),
            *("CreatedAt", "StartedAt", "DeviceTypes", "Status", "DiscoveryType", "AssociationState", "Account"),
            *("Items", "NextToken", "AuthenticationMaterial", "OAuthAuthorizationUrl", "Modification", "Timestamp"),
        ]
    ),
    JSON | st.datetimes(),
)
PARSERS = [
    getattr(models, name).from_wire for name in sorted(vars(models)) if hasattr(getattr(models, name), "from_wire")
]


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__self__.__name__)
@PROFILE
@given(WIRE)
def test_rows(parse: Any, wire: dict[str, Any]) -> None:
    """Any row is a value or none; it is the same every time, and a set can hold it."""
    row = parse(wire)
    assert row == parse(wire)
    assert row is None or hash(row) == hash(parse(wire))


def test_all_parsers_are_tried() -> None:
    """No shape is left out by chance."""
    assert len(PARSERS) == 10


@PROFILE
@given(st.dictionaries(st.sampled_from(["Items", "NextToken"]), JSON))
def test_pages(answer: dict[str, Any]) -> None:
    """A page is read, or botocore's error says that it can't be."""
    try:
        page = page_of(models.ManagedThing.from_wire, "Items", answer)
    except ResponseParserError:
        return
    assert page.next_token is None or page.next_token


CREDENTIALS = st.fixed_dictionaries(
    {},
    optional={
        "credentials": st.fixed_dictionaries(
            {},
            optional={
                "accessKeyId": TEXT | JSON,
                "secretAccessKey": TEXT | JSON,
                "sessionToken": TEXT | JSON,
                "expiration": STAMP | TEXT | JSON,
            },
        )
        | JSON,
        "message": JSON,
    },
)


@PROFILE
@given(
    body=CREDENTIALS.map(lambda value: json.dumps(value).encode())
    | st.binary()
    | JSON.map(lambda v: json.dumps(v).encode()),
    status=st.sampled_from([200, 200, 400, 403, 404, 407, 429, 500, 503]),
    error_type=TEXT,
)
@example(body=b"[" * 100_000, status=200, error_type="")
@example(body=b"[" * 100_000, status=403, error_type="")
def test_answers_of_the_credential_provider(body: bytes, status: int, error_type: str) -> None:
    """They hold credentials, or the failure has one of the names that the table of errors knows."""
    answer = HTTPResponse(
        body=BytesIO(body), status=status, headers={"x-amzn-errortype": error_type}, preload_content=True
    )
    try:
        credentials = iot_credentials._parsed(answer)
    except (iot_credentials.CredentialProviderError, ClientError) as error:
        shown = from_exception(error, operation="x", service="iot", secrets=(), now=NOW)
        assert isinstance(shown, AwsError)
    else:
        assert credentials.expires.tzinfo is not None


PEMS = TEXT | st.builds(
    lambda kind, body: f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----",
    st.sampled_from(["CERTIFICATE", "RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY"]) | TEXT,
    TEXT | st.from_regex(r"[A-Za-z0-9+/=\n]{0,200}", fullmatch=True),
)


@PROFILE
@given(certificate=PEMS, private_key=PEMS, ca_certificate=st.none() | PEMS)
def test_certificates(certificate: str, private_key: str, ca_certificate: str | None) -> None:
    """What is pasted is a certificate with its key, or it is said what is wrong with it."""
    with pytest.raises(certificates.CertificateError):
        certificates.check_certificate(certificate, private_key, ca_certificate, now=NOW)


@PROFILE
@given(st.dictionaries(st.sampled_from(["certificate", "private_key", "ca_certificate"]), PEMS | TEXT))
def test_paths_of_certificates(data: dict[str, str]) -> None:
    """What is typed is PEM text or the path of a file, or it is refused."""
    try:
        resolved = _resolve(Path("/nonexistent"), data)
    except CertificateFilesError:
        return
    assert resolved.keys() == data.keys()


@PROFILE
@given(TEXT | st.from_regex(r"https?://[^ ]{0,40}", fullmatch=True))
@example("http://[")
@example("https://[::1]:99999/")
@example("https://a:b@c")
def test_addresses(value: str) -> None:
    """An address is one, or the field says that it isn't."""
    assert config_flow._endpoint_error(value) in {None, "insecure_endpoint", "invalid_endpoint"}
    with suppress(endpoints.EndpointError):
        assert endpoints.credential_provider_url(value).startswith("https://")


@PROFILE
@given(st.dictionaries(st.sampled_from(["ManagedThingId", "AccountAssociationId", "DeviceDiscoveryId"]), TEXT))
def test_identifiers(params: dict[str, str]) -> None:
    """Ids are held to AWS's patterns before anything is sent."""
    wrong = malformed("RegisterAccountAssociation", params)
    assert set(wrong) <= set(params)


@PROFILE
@given(TEXT, st.sets(TEXT, max_size=3))
def test_redaction(text: str, secrets: set[str]) -> None:
    """No secret is left in a text, however odd the two are."""
    shown = redact_text(text, secrets)
    assert not any(len(secret) > 3 and secret in shown and secret not in "**REDACTED**" for secret in secrets)


SCHEMAS = sorted(
    (name, value)
    for name, value in vars(services).items()
    if name.endswith("_SCHEMA") and isinstance(value, vol.Schema)
)


@pytest.mark.parametrize("schema", [schema for _, schema in SCHEMAS], ids=[name for name, _ in SCHEMAS])
@PROFILE
@given(st.data())
def test_fields_of_actions(schema: vol.Schema, data: st.DataObject) -> None:
    """What an automation passes is taken in its right form, or refused by the schema."""
    names = [str(getattr(marker, "schema", marker)) for marker in schema.schema]
    fields = data.draw(st.dictionaries(st.sampled_from(names), JSON | TEXT))
    with suppress(vol.Invalid):
        schema(fields)


FORMS = {
    "user": config_flow.USER_SCHEMA,
    "access_key": config_flow.ACCESS_KEY_SCHEMA,
    "default_chain": config_flow.DEFAULT_CHAIN_SCHEMA,
    "iot_certificate": config_flow.IOT_CERTIFICATE_SCHEMA,
}


@pytest.mark.parametrize("schema", FORMS.values(), ids=FORMS)
@PROFILE
@given(st.data())
def test_fields_of_flows(schema: vol.Schema, data: st.DataObject) -> None:
    """What is typed into a form is taken, or refused by the schema."""
    names = [str(marker.schema) for marker in schema.schema]
    fields = data.draw(st.dictionaries(st.sampled_from(names), JSON | TEXT))
    with suppress(vol.Invalid):
        schema(fields)


INTENTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["register", "deregister"]) | TEXT,
        "managed_thing_id": TEXT | JSON,
        "account_association_id": TEXT | JSON,
        "device_discovery_id": st.none() | TEXT | JSON,
        "created_at": STAMP | TEXT | JSON,
        "accepted_at": st.none() | STAMP | JSON,
    }
)
QUEUES = st.fixed_dictionaries(
    {
        "intents": st.lists(INTENTS, max_size=3) | JSON,
        "failures": st.lists(st.tuples(TEXT, TEXT, JSON).map(list), max_size=2) | JSON,
        "discovery_ids": st.lists(st.tuples(TEXT, TEXT, TEXT).map(list), max_size=2) | JSON,
        "onboardings": st.just([]) | JSON,
        "jobs": st.just([]) | JSON,
        "found": st.lists(st.tuples(TEXT, TEXT).map(list), max_size=2) | JSON,
        "left_out": st.just([]) | JSON,
    }
)
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What a store takes for a file that isn't of its shape: it is set aside then."""


@PROFILE
@given(QUEUES | JSON)
def test_stored_queues(data: Any) -> None:
    """A file is understood, and written as it was understood, or set aside."""
    try:
        queue = Queue.from_dict(data)
    except UNREADABLE:
        return
    assert Queue.from_dict(json.loads(json.dumps(queue.as_dict()))) == queue


@PROFILE
@given(
    st.fixed_dictionaries(
        {"as_of": STAMP | JSON},
        optional={name: st.lists(st.lists(JSON), max_size=3) | JSON for name in Inventory().as_dict()},
    )
    | JSON
)
def test_stored_inventories(data: Any) -> None:
    """A file is understood or set aside."""
    try:
        inventory, as_of = _parse_inventory(data)
    except UNREADABLE:
        return
    assert Inventory.from_dict(json.loads(json.dumps(inventory.as_dict()))) == inventory
    assert as_of.isoformat()


@PROFILE
@given(
    st.fixed_dictionaries(
        {
            "matches": st.dictionaries(TEXT, TEXT, max_size=2) | JSON,
            "unmatched": st.lists(st.tuples(TEXT, TEXT).map(list), max_size=2) | JSON,
            "keys": st.dictionaries(TEXT, st.tuples(TEXT, st.lists(st.tuples(TEXT, TEXT).map(list))).map(list)) | JSON,
        }
    )
    | JSON
)
def test_stored_matches(data: Any) -> None:
    """A file is understood or set aside."""
    try:
        matches, unmatched, keys = MatchingStore._parse(data)
    except UNREADABLE:
        return
    assert all(isinstance(text, str) for pair in matches.items() for text in pair)
    assert all(len(pair) == 2 for pair in unmatched)
    assert all(isinstance(key, str) for key in keys)


@PROFILE
@given(
    kind=st.sampled_from(IntentKind), thing=TEXT, association=TEXT, discovery=st.none() | TEXT, created=st.datetimes()
)
def test_intents_survive_the_disk(
    kind: IntentKind, thing: str, association: str, discovery: str | None, created: datetime
) -> None:
    """What was asked for comes back from the disk as it was."""
    intent = Intent(
        kind=kind,
        managed_thing_id=thing,
        account_association_id=association,
        device_discovery_id=discovery,
        created_at=created.replace(tzinfo=UTC),
    )
    assert Intent.from_dict(json.loads(json.dumps(intent.as_dict()))) == intent
