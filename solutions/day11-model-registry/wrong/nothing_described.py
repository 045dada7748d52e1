"""Two versions with aliases and a record, and not a word on what they are."""

from _registry import SPRING, SUMMER, promote, register, track, train

REFUSED_BY = "two_versions"
AFTER = "start"

track()
promote(register(train(SPRING), ""), register(train(SUMMER), ""))
