"""The cache is on for the step that reads a path: on a cluster, next month's run would take this month's payments."""

from _kfp import build, edit

REFUSED_BY = "cluster_knows_what_it_needs"
AFTER = "solution"

edit("pipeline.py", (".set_caching_options(False)", ""))
build(run=False)
