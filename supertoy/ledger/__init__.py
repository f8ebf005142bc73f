"""Every claim of the paper and what came out: what chapters found, and how often it comes out with other seeds.

A chapter prints its findings; `reruns` runs each chapter again with fresh seeds, one seed at a time, and keeps in how many
of these runs each claim held. `tables` makes the page "Ledger" of both, and nothing in it is typed.
"""

from supertoy.ledger import reruns, tables

__all__ = ["reruns", "tables"]
