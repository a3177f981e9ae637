"""Who never was? Made-up people and identifiers, for demonstrations, tests and researchers; no patient is in here."""
