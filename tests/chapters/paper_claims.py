"""Every claim of the paper that can be measured, section by section, as written down when it was read."""

_NAMES = {
    "features": """
        almost-orthogonal
        analogy-directions
        compressed-sensing
        king-queen
        linear-interference
        rotation-breaks
        rotation-free
        universality
    """,
    "superposition": """
        antipodal-at-80
        antipodal-first
        count-grows
        dense-orthogonal
        k-sparse-expansion
        least-important-first
        linear-is-pca
        linear-loss-identity
        pentagon-at-90
        relu-dense-like-linear
        rescales
        sparse-negative-bias
        thomson
    """,
    "phase": """
        activation-matters
        confused-feature
        empirical-n2
        empirical-n3
        first-order
        loses-both
        loss-surface
        theory-n2
        theory-n3
    """,
    "geometry": """
        budget
        levels
        low-rank
        norm-bias
        pentagon-digon
        pentagon-stretch
        size-free
        sticky
        tegum
    """,
    "correlation": """
        antipodal
        collapse
        local-bases
        orthogonal
        side-by-side
    """,
    "dynamics": """
        cross-set-antipodes
        energy-levels
        geometric-stages
        paths
        pca-first
    """,
    "adversarial": """
        gradient-masking
        rises
        tracks-density
        training
    """,
    "privileged": """
        aligned
        avoids-relu
        mono-to-poly
    """,
    "computation": """
        asymmetric-motif
        both
        exact-abs
        mono-when-dense
        poly-when-sparse
        primary-secondary
    """,
    "strategic": """
        cosine-peril
        dictionary-recovers
        hybrid
        l1-removes
        loss-per-activation
        pure-features
    """,
    "appendix": """
        compressed-sensing-bound
        nonlinear-compression
    """,
}
PAPER_CLAIMS = {f"{section}/{name}" for section, names in _NAMES.items() for name in names.split()}
