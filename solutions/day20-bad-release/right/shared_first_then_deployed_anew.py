"""In several steps: half of the traffic back, then a release of the same code and version, then all of it there."""

from _incident import BAD, CODES, GOOD, MODEL, NAME, infra, journal, registry, write

AFTER = "start"

infra("route", NAME, f"{GOOD}=50", f"{BAD}=50")
infra(
    "deploy", NAME, "--app", "service:app", "--model", f"models:/{MODEL}/1", "--from", CODES[0], "--weight", 50
)  # fmt: skip
infra("route", NAME, f"{journal()[-1]['release']}=100")
registry()
write()
