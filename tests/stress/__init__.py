"""Stress: whether training can be trusted when processes are killed, disks are full and files come from enemies.

`cd tests && python -m stress` runs everything and prints a table of figures; `--short` is what `make check` runs, and
`python -m stress kills tables` runs some of it.
"""
