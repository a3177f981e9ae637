"""Where do only releases arrive? The hub offers studies, asks in rounds, adds what nodes chose to release."""
