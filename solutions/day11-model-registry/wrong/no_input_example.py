"""The champion has a signature and no input example."""

from _registry import SPRING, SUMMER, pair, promote, track, train

REFUSED_BY = "models_described"
AFTER = "start"

track()
promote(*pair(train(SPRING), train(SUMMER, input_example=None)))
