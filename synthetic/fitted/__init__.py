"""People from private sums: a graphical model of the noisy margins that nodes released, and rows drawn from it."""
