"""The node's end of the federation: Flower carries opaque bytes, and only here is it imported."""

import os

# Read by flwr when it is first imported: nothing dials anywhere that the operator did not configure.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
