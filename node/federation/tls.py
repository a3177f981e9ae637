"""TLS as this node dials: one authority, the newest protocol, and a word for certificates that do not hold."""

from __future__ import annotations

import ssl

from privacy.errors import Invalid


def trust_only(root_certificate: str) -> ssl.SSLContext:
    """Return a TLS 1.3 context that trusts this one authority (PEM) only; ``root-certificate-unreadable`` otherwise."""
    try:
        context = ssl.create_default_context(cadata=root_certificate)
    except (ssl.SSLError, ValueError):
        raise Invalid("root-certificate-unreadable") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def certificate_fault(error: BaseException | None) -> bool:
    """Tell a certificate we do not trust from a network that failed, however deep the transport buried it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


__all__ = ["certificate_fault", "trust_only"]
