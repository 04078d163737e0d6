"""Things that learn or predict; each run writes one bundle."""
