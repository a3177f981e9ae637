"""What ``doctor`` and ``/readyz`` ask of a node: small checks, in themes, each by itself."""
