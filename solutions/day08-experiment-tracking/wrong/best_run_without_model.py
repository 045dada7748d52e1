"""Three good runs, and one with a better number that kept no model, which is the one that is marked."""

from _tracking import mark, three, track, tree

REFUSED_BY = "models_kept"
AFTER = "start"

three()
run, _ = track(tree(8), {"max_depth": 8}, kept=False, score=lambda model: 0.95)
mark(run)
