"""Every claim of the paper and what came out: what chapters found, and how often it comes out with other seeds.

A chapter prints its findings; `reruns` runs each chapter again with fresh seeds, one seed at a time, and keeps in how many
of these runs each claim held, with `fingerprints` of the code. `tables` makes the page "Ledger" of it all: nothing is typed.
"""

from supertoy.ledger import fingerprints, reruns, tables

__all__ = ["fingerprints", "reruns", "tables"]
