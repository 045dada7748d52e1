"""The best run's valid_f1 is typed in, and is better than what its model has."""

from _tracking import mark, three, track, tree

REFUSED_BY = "logged_score_is_real"
AFTER = "start"

three()
run, _ = track(tree(7), {"max_depth": 7}, score=lambda model: 0.93)
mark(run)
