"""The new model is registered, the one that it replaces never was."""

from _registry import SUMMER, point, register, track, train

REFUSED_BY = "two_versions"
AFTER = "start"

track()
only = register(train(SUMMER))
point(only, only)
