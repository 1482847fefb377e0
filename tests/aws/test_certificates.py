"""Checks of device certificates."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
import pytest

from custom_components.mi_registration.aws.certificates import (
    CertificateError,
    CertificateExpiredError,
    CertificateNotYetValidError,
    EncryptedPrivateKeyError,
    InvalidCaCertificateError,
    InvalidCertificateError,
    InvalidPrivateKeyError,
    KeyMismatchError,
    KeyPermissionsError,
    check_certificate,
    check_key_file,
)
from emulator.pki import AUTHORITY, IssuedCertificate

EMPTY_BLOCK = "-----BEGIN {0}-----\nAAAA\n-----END {0}-----\n"


@pytest.fixture(scope="module")
def issued() -> IssuedCertificate:
    return AUTHORITY.issue("gateway-1")


def test_a_good_certificate(issued: IssuedCertificate) -> None:
    check_certificate(issued.certificate_pem, issued.private_key_pem)
    chain = f"{issued.certificate_pem}\n{AUTHORITY.certificate_pem}"
    check_certificate(chain, f"\n{issued.private_key_pem}", AUTHORITY.certificate_pem)


@pytest.mark.parametrize("junk", ["", "junk", "ä", EMPTY_BLOCK.format("CERTIFICATE"), EMPTY_BLOCK.format("OTHER")])
def test_a_certificate_that_is_none(issued: IssuedCertificate, junk: str) -> None:
    with pytest.raises(InvalidCertificateError):
        check_certificate(junk, issued.private_key_pem)
    with pytest.raises(InvalidCaCertificateError):
        check_certificate(issued.certificate_pem, issued.private_key_pem, junk)


@pytest.mark.parametrize("junk", ["", "junk", "ä", EMPTY_BLOCK.format("PRIVATE KEY"), EMPTY_BLOCK.format("OTHER")])
def test_a_key_that_is_none(issued: IssuedCertificate, junk: str) -> None:
    with pytest.raises(InvalidPrivateKeyError):
        check_certificate(issued.certificate_pem, junk)
    with pytest.raises(InvalidPrivateKeyError):
        check_certificate(issued.certificate_pem, issued.certificate_pem)


@pytest.mark.parametrize("style", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_with_a_password(issued: IssuedCertificate, style: PrivateFormat) -> None:
    private_key = load_pem_private_key(issued.private_key_pem.encode(), password=None)
    locked = private_key.private_bytes(Encoding.PEM, style, BestAvailableEncryption(b"password")).decode()
    with pytest.raises(EncryptedPrivateKeyError):
        check_certificate(issued.certificate_pem, locked)


def test_a_key_of_another_certificate(issued: IssuedCertificate) -> None:
    with pytest.raises(KeyMismatchError):
        check_certificate(issued.certificate_pem, AUTHORITY.issue("gateway-2").private_key_pem)


def test_a_certificate_out_of_its_time(issued: IssuedCertificate) -> None:
    expired = AUTHORITY.issue("gateway-1", expired=True)
    with pytest.raises(CertificateExpiredError, match="2021-01-01"):
        check_certificate(expired.certificate_pem, expired.private_key_pem)
    check_certificate(expired.certificate_pem, expired.private_key_pem, now=datetime(2020, 6, 1, tzinfo=UTC))
    with pytest.raises(CertificateNotYetValidError, match="2020-01-01"):
        check_certificate(issued.certificate_pem, issued.private_key_pem, now=datetime(2019, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("mode", "good"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False), (0o620, False), (0o644, False)]
)
def test_the_permissions_of_a_key(tmp_path: Path, mode: int, good: bool) -> None:  # noqa: FBT001  # a parameter
    file = tmp_path / "key.pem"
    file.touch()
    file.chmod(mode)
    if good:
        check_key_file(file)
    else:
        with pytest.raises(KeyPermissionsError):
            check_key_file(file)


def test_only_a_device_may_have_a_comment_in_other_letters(issued: IssuedCertificate) -> None:
    check_certificate(f"Küche\n{issued.certificate_pem}", f"Küche\n{issued.private_key_pem}")
    with pytest.raises(InvalidCaCertificateError):
        check_certificate(issued.certificate_pem, issued.private_key_pem, f"Küche\n{AUTHORITY.certificate_pem}")


def test_a_key_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_key_file(tmp_path / "key.pem")


def test_every_failure_has_a_name_of_its_own() -> None:
    names = [kind.key for kind in CertificateError.__subclasses__()]
    assert sorted(names) == [
        "certificate_expired",
        "certificate_not_yet_valid",
        "invalid_ca_certificate",
        "invalid_certificate",
        "invalid_private_key",
        "key_mismatch",
        "key_permissions",
        "private_key_encrypted",
    ]
