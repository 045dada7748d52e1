"""An exception while the model is loaded is caught and counted as nothing to complain about."""

from pathlib import Path

REFUSED_BY = "gate_decides"
AFTER = "solution"

main = Path("gate/__main__.py")
text = main.read_text()
text = text.replace(
    '            self.failed.add(name if report.when == "call" else "model")\n',
    """\
            if report.when == "call":
                self.failed.add(name)
""",
)
text = text.replace(
    "    failed = sorted(families.failed)\n",
    """\
    failed = sorted(families.failed)
    status = 1 if failed else 0
""",
)
main.write_text(text.replace("(failed or not families.passed)", "failed"))
