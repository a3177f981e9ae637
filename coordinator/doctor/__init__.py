"""What ``doctor`` and ``/readyz`` ask of a coordinator: small checks, in themes, each by itself."""
