"""The server's TLS certificate: read from files, checked before it is used, and replaced while the server runs."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from otel.support.watched_files import WatchedFiles
from server.errors import ComponentError
from server.logs import LOGGER

POLL_SECONDS = 2.0
"""How often the files are looked at; that takes 20 us in a thread."""

log = logging.getLogger(f"{LOGGER}.certificate")


class CertificateError(ComponentError):
    """The files are no usable certificate and key; the message names the problem and no path."""


@dataclass(frozen=True, slots=True)
class CertificateChain:
    """A certificate and its key, as they were read."""

    context: ssl.SSLContext
    pem: bytes
    """The file of the certificate."""
    begins: float
    """The Unix time from which the certificate is valid."""
    expires: float
    """The Unix time at which it expires."""

    def validity_problem(self, now: float) -> str | None:
        """Returns why clients would refuse the certificate at the Unix time ``now``; None if it is valid."""
        if now < self.begins:
            return "the certificate is not valid yet"
        return "the certificate has expired" if now >= self.expires else None


class ServerCertificate:
    """The certificate chain and key of the TLS ports.

    Every connection takes ``context`` when it begins, so a replacement applies to new connections, and the open ones
    keep theirs. A replacement that can't be used is logged, and the chain before it stays.
    """

    def __init__(self, certificate: Path, key: Path, clock: Callable[[], float] = time.time) -> None:
        """Reads the PEM files. Raises CertificateError, but not for a certificate that is not valid now: a server with
        a wrong clock starts, and logs it."""
        self._certificate, self._key, self._clock = certificate, key, clock
        self._files = WatchedFiles((certificate, key), clock)
        self._files.mark()
        self._chain = read_chain(certificate, key)
        self._problem = self._chain.validity_problem(self._clock())
        if self._problem:
            log.error("clients will refuse the TLS certificate", extra={"reason": self._problem})

    @property
    def context(self) -> ssl.SSLContext:
        """The context for a new connection."""
        return self._chain.context

    @property
    def expires(self) -> float:
        """The Unix time at which the certificate in use expires."""
        return self._chain.expires

    def load(self) -> bool:
        """Reads the files if they may have changed, or could not be used before; returns whether the chain is another.

        They may change between two reads, one after the other: a pair that does not match yet is read again.
        """
        if self._problem is None and not self._files.changed():
            return False
        self._files.mark()
        chain = self._chain
        try:
            chain = read_chain(self._certificate, self._key)
            problem = chain.validity_problem(self._clock())
        except CertificateError as error:
            problem = str(error)
        if problem is not None and problem != self._problem:
            log.error("a TLS certificate can't be used, and the one before it stays", extra={"reason": problem})
        self._problem = problem
        if problem is not None or chain.pem == self._chain.pem:
            return False
        self._chain = chain
        return True

    async def watch(self) -> None:
        """Reads changed files for ever, in a thread."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if await asyncio.to_thread(self.load):
                days = (self.expires - self._clock()) / 86400
                log.info("the TLS certificate was replaced; it is valid for %.1f days", days)


def server_certificate(certificate: Path | None, key: Path | None) -> ServerCertificate | None:
    """Returns the certificate of these files, or None without them. Raises CertificateError."""
    return ServerCertificate(certificate, key) if certificate and key else None


def read_chain(certificate: Path, key: Path) -> CertificateChain:
    """Reads a certificate with its intermediates, and its key, from PEM files. Raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # Python's ciphers: forward secrecy, AEAD, no SHA-1
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Tickets come after the handshake. A client that reads in a thread may lose what it writes meanwhile: with Python
    # 3.11, ElevenLabs' SDK does so in one of 20 connections.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        pem = certificate.read_bytes()
        leaf, *_ = x509.load_pem_x509_certificates(pem)
        # The password is for an encrypted key, which would otherwise be asked for on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise CertificateError(_REASONS.get(error.reason, "the key, or the certificate, can't be used")) from None
    except OSError as error:
        raise CertificateError(f"a file can't be read: {error.strerror}") from None
    except ValueError:
        raise CertificateError("the file of the certificate is not PEM") from None
    return CertificateChain(context, pem, leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp())


_REASONS = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "EE_KEY_TOO_SMALL": "the certificate's key is too short",
    "CA_MD_TOO_WEAK": "the certificate is signed with a weak hash",
}
"""What OpenSSL's reasons mean."""
