"""From a source to the store: opt-outs first, then every row judged, then all of it or nothing."""
