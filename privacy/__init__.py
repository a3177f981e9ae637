"""What may be known, and what does it cost? The room that every other room leans on, and that leans on none.

A guided tour, in the order in which a study meets it:

* ``contract``: what a data set holds, each column declared once; ``identifiers``, ``pseudonyms``: who a row is about.
* ``study``: what is asked, as data; ``computation``: the plan of private sums that answers it.
* ``accountant``: what a plan costs; ``noise``: integer noise; ``private_sum``: the bound on what one person can move.
* ``ledger``: charge first, never refund; ``audit``: the log that nobody can quietly change.
* ``release``: the only two families of things that may leave a node.
* ``errors``: every way to say no.

No torch, no flwr, no fastapi, no network and no clock of its own.
"""
