"""Certificates of a test's own: an authority, and a server and a client that it vouches for."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """The paths of PEM files."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


class Authority:
    """An authority of a test's own; ``path`` is its certificate, which clients trust."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _signed("authority", self._key, None, self._key)
        path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        certificate: Path,
        key: Path,
        name: str = "server",
        *,
        begins: timedelta = -DAY,
        expires: timedelta = DAY,
        private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    ) -> x509.Certificate:
        """Writes a certificate for 127.0.0.1, localhost and speech.example, and its key; times are from now."""
        private = private or ec.generate_private_key(ec.SECP256R1())
        issued = _signed(name, private, self._certificate, self._key, begins=begins, expires=expires)
        certificate.write_bytes(issued.public_bytes(serialization.Encoding.PEM))
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return issued

    def client_context(self) -> ssl.SSLContext:
        """The TLS settings of a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.path)


def certificates_in(folder: Path) -> Certificates:
    """Writes new certificates into ``folder``; the server's is for 127.0.0.1."""
    found = Certificates(
        *(folder / f"{name}.pem" for name in ("authority", "server", "server-key", "client", "client-key"))
    )
    authority = Authority(found.authority)
    authority.issue(found.server, found.server_key)
    authority.issue(found.client, found.client_key, "client")
    return found


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    authority: x509.Certificate | None,
    authority_key: ec.EllipticCurvePrivateKey,
    *,
    begins: timedelta = -DAY,
    expires: timedelta = DAY,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + expires)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if authority:
        names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost"), x509.DNSName("speech.example")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    else:
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True)
    return builder.sign(authority_key, hashes.SHA256())
