"""Which certificates a server takes, and how it replaces them while it runs."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server.network import certificate as module
from server.network.certificate import CertificateError, ServerCertificate, server_certificate
from tests.certificates import DAY, Authority


class Pair:
    """A pair of files, as a renewal writes them."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "authority.pem")
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"

    def issue(self, begins: timedelta = -DAY, expires: timedelta = DAY) -> float:
        """Writes both files; returns the Unix time at which the certificate expires."""
        issued = self.authority.issue(self.certificate, self.key, begins=begins, expires=expires)
        return issued.not_valid_after_utc.timestamp()

    def used(self) -> ServerCertificate:
        return ServerCertificate(self.certificate, self.key)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def problems(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The reasons that were logged."""
    return [vars(record)["reason"] for record in caplog.records if record.levelno == logging.ERROR]


def test_a_pair_is_used_by_tls_1_2_and_later_and_without_compression(pair: Pair) -> None:
    expires = pair.issue()
    certificate = pair.used()
    assert certificate.expires == expires
    assert certificate.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert certificate.context.options & ssl.OP_NO_COMPRESSION
    assert certificate.context.options & ssl.OP_NO_RENEGOTIATION
    old = [cipher for cipher in certificate.context.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    assert old
    assert all(cipher["name"].startswith(("ECDHE", "DHE")) for cipher in old)


def test_without_files_there_is_no_tls(pair: Pair) -> None:
    assert server_certificate(None, None) is None


def test_a_key_of_another_certificate_is_refused(pair: Pair) -> None:
    pair.issue()
    key = pair.key.read_bytes()
    pair.issue()
    pair.key.write_bytes(key)
    with pytest.raises(CertificateError, match="the key does not belong to the certificate"):
        pair.used()


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_files_that_are_no_pem_or_missing_are_refused(pair: Pair, name: str) -> None:
    pair.issue()
    path: Path = getattr(pair, name)
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", bytes(range(256)) * 100):
        path.write_bytes(content)
        with pytest.raises(CertificateError, match=r"is not PEM|can't be used"):
            pair.used()
    path.unlink()
    with pytest.raises(CertificateError, match="can't be read: No such file or directory"):
        pair.used()
    path.mkdir()
    with pytest.raises(CertificateError, match="can't be read"):
        pair.used()


def test_an_encrypted_key_is_refused_and_asks_nobody_for_a_password(pair: Pair) -> None:
    pair.issue()
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    pair.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
    with pytest.raises(CertificateError, match="can't be used"):
        pair.used()


def test_a_short_key_is_refused(pair: Pair) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    pair.authority.issue(pair.certificate, pair.key, private=weak)
    with pytest.raises(CertificateError, match="key is too short"):
        pair.used()


def test_a_server_starts_with_an_expired_certificate_and_says_so(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    expires = pair.issue(begins=-2 * DAY, expires=-DAY)
    assert pair.used().expires == expires
    assert problems(caplog) == ["the certificate has expired"]


def test_a_replaced_pair_is_used(pair: Pair) -> None:
    pair.issue()
    certificate = pair.used()
    before = certificate.context
    assert not certificate.load()
    assert certificate.context is before
    expires = pair.issue(expires=2 * DAY)
    assert certificate.load()
    assert certificate.context is not before
    assert certificate.expires == expires
    assert not certificate.load()


def test_kubernetes_replaces_a_link_to_their_folder(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority.pem")
    for name, days in (("old", 1), ("new", 2)):
        (tmp_path / name).mkdir()
        authority.issue(tmp_path / name / "tls.crt", tmp_path / name / "tls.key", expires=days * DAY)
    (tmp_path / "..data").symlink_to("old")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    certificate = ServerCertificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    before = certificate.expires
    (tmp_path / "..data_tmp").symlink_to("new")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert certificate.load()
    assert certificate.expires == before + 86400


def test_a_certificate_that_comes_before_its_key_waits_for_it(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    pair.issue()
    certificate = pair.used()
    before, key = certificate.context, pair.key.read_bytes()
    expires = pair.issue(expires=2 * DAY)
    late = pair.key.read_bytes()
    pair.key.write_bytes(key)
    assert not certificate.load()
    assert not certificate.load()
    assert certificate.context is before
    assert problems(caplog) == ["the key does not belong to the certificate"]
    pair.key.write_bytes(late)
    assert certificate.load()
    assert certificate.expires == expires


@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "missing"])
def test_a_pair_that_can_not_be_used_replaces_nothing(
    pair: Pair, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    pair.issue()
    certificate = pair.used()
    before, good = certificate.context, pair.certificate.read_bytes()
    if content is None:
        pair.certificate.unlink()
    else:
        pair.certificate.write_bytes(content)
    for _ in range(3):
        assert not certificate.load()
    assert certificate.context is before
    assert len(problems(caplog)) == 1
    pair.certificate.write_bytes(good)
    assert not certificate.load()
    expires = pair.issue(expires=2 * DAY)
    assert certificate.load()
    assert certificate.expires == expires
    assert len(problems(caplog)) == 1


def test_an_expired_pair_replaces_nothing(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    expires = pair.issue()
    certificate = pair.used()
    pair.issue(begins=-2 * DAY, expires=-DAY)
    assert not certificate.load()
    assert certificate.expires == expires
    assert problems(caplog) == ["the certificate has expired"]


def test_a_pair_that_is_not_valid_yet_is_used_once_it_is(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    pair.issue()
    days = 0
    certificate = ServerCertificate(pair.certificate, pair.key, lambda: time.time() + days * 86400)
    expires = pair.issue(begins=DAY, expires=3 * DAY)
    assert not certificate.load()
    assert problems(caplog) == ["the certificate is not valid yet"]
    days = 2
    assert certificate.load()
    assert certificate.expires == expires


async def test_the_files_are_watched(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.001)
    pair.issue()
    certificate = pair.used()
    watch = asyncio.create_task(certificate.watch())
    expires = pair.issue(expires=5 * DAY)
    async with asyncio.timeout(60):
        while certificate.expires != expires:
            await asyncio.sleep(0.001)
    assert not watch.done()
    watch.cancel()


def test_an_elliptic_curve_of_any_common_size_is_taken(pair: Pair) -> None:
    for curve in (ec.SECP256R1(), ec.SECP384R1()):
        pair.authority.issue(pair.certificate, pair.key, private=ec.generate_private_key(curve))
        pair.used()
