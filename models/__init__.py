"""What is learned? Variables from tables, computations made of private sums, models as plain arrays.

``computations/`` holds one file for each thing that can be learned; ``variables`` turns a table into the numbers that a
study declares; ``version`` is a finished model with its lineage. The only room that imports torch and opacus.
"""
