"""How good a load is: checks beyond a cell, what is in quarantine, and a profile that never leaves."""
