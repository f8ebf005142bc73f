"""The paper's claims as values: what each says, how it is judged, and what a chapter found.

A judge looks at what one seed produced and says whether the claim holds there; its thresholds were set before anything was
measured, but for a few that their chapters name. `check` runs a claim's judge over all seeds and gives the verdict; a
`Table` shows the findings of a chapter. The claims themselves are in the chapters' rooms.
"""

from supertoy.claims.claim import FINDINGS, Claim, Finding, Outcome, Table, check, registry

__all__ = ["FINDINGS", "Claim", "Finding", "Outcome", "Table", "check", "registry"]
