"""The version stands in model-settings.json, where somebody looked it up."""

from _server import champion, change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
change("model-settings.json", ('  "platform"', f'  "parameters": {{"version": "{champion()}"}},\n  "platform"'))
