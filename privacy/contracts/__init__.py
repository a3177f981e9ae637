"""Contracts that ship, one for each data set that organisations name, and what reads them; people finish them."""
