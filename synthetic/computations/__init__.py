"""Computations whose results people who never were are drawn from; each file is one, by the protocol in privacy/."""
