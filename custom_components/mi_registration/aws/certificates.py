"""Checks of a device certificate and its private key, each failure an exception of its own."""

from datetime import UTC, datetime
from pathlib import Path
import stat
from typing import ClassVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


class CertificateError(ValueError):
    """A certificate or its key can't be used."""

    key: ClassVar[str] = "invalid_certificate"
    """The name of this kind of failure in translations."""


class InvalidCertificateError(CertificateError):
    """The certificate is not a PEM block that holds one."""


class InvalidCaCertificateError(CertificateError):
    """The certificate authority's certificate is not a PEM block that holds one."""

    key = "invalid_ca_certificate"


class InvalidPrivateKeyError(CertificateError):
    """The private key is not a PEM block that holds one."""

    key = "invalid_private_key"


class EncryptedPrivateKeyError(CertificateError):
    """The private key is protected by a password, which nobody could type in."""

    key = "private_key_encrypted"


class KeyMismatchError(CertificateError):
    """The private key belongs to another certificate."""

    key = "key_mismatch"


class CertificateExpiredError(CertificateError):
    """The certificate is not valid any more."""

    key = "certificate_expired"


class CertificateNotYetValidError(CertificateError):
    """The certificate is not valid yet."""

    key = "certificate_not_yet_valid"


class KeyPermissionsError(CertificateError):
    """Others than its owner may read the file of the private key."""

    key = "key_permissions"


def check_certificate(
    certificate_pem: str, private_key_pem: str, ca_pem: str | None = None, *, now: datetime | None = None
) -> None:
    """Raise a :class:`CertificateError` if a device can't prove with these who it is.

    The first certificate is the device's own; ``now`` is the time at which it must be valid, the present by default.
    """
    try:
        certificate = x509.load_pem_x509_certificates(certificate_pem.encode())[0]
    except ValueError:
        raise InvalidCertificateError("the certificate is not valid PEM") from None
    try:
        private_key = load_pem_private_key(private_key_pem.encode(), password=None)
    except TypeError:
        raise EncryptedPrivateKeyError("the private key is protected by a password") from None
    except ValueError, UnsupportedAlgorithm:
        raise InvalidPrivateKeyError("the private key is not valid PEM") from None
    if ca_pem is not None:
        try:
            # The TLS library takes nothing but ASCII here.
            x509.load_pem_x509_certificates(ca_pem.encode("ascii"))
        except ValueError:
            raise InvalidCaCertificateError("the CA certificate is not valid PEM") from None

    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private_key.public_key().public_bytes(*spki) != certificate.public_key().public_bytes(*spki):
        raise KeyMismatchError("the private key does not belong to the certificate")

    now = now or datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        raise CertificateExpiredError(f"the certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if now < certificate.not_valid_before_utc:
        raise CertificateNotYetValidError(
            f"the certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d} on"
        )


def check_key_file(path: Path) -> None:
    """Raise :class:`KeyPermissionsError` if others than its owner may read or write the file. Blocks.

    Raises ``OSError`` if there is no such file.
    """
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyPermissionsError("others than its owner may use the file of the private key: set its mode to 0600")
