"""TLS as this node dials: one authority, the newest protocol, and a word for certificates that do not hold."""

from __future__ import annotations

import ssl

from privacy.errors import Invalid, Refusal

OUT_OF_TIME = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


def trust_only(root_certificate: str) -> ssl.SSLContext:
    """Return a TLS 1.3 context that trusts this one authority (PEM) only; ``root-certificate-unreadable`` otherwise."""
    try:
        context = ssl.create_default_context(cadata=root_certificate)
    except (ssl.SSLError, ValueError):
        raise Invalid("root-certificate-unreadable") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def certificate_refusal(error: BaseException | None) -> Refusal | None:
    """Tell a certificate that we do not trust from a network that failed, however deep the transport buried it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            if error.verify_code in OUT_OF_TIME:
                return Refusal("coordinator-certificate-expired")
            return Refusal("coordinator-certificate-refused")
        error = error.__cause__ or error.__context__
    return None


__all__ = ["OUT_OF_TIME", "certificate_refusal", "trust_only"]
