"""The preset on whole tables, other methods (PSI, Hellinger, energy, a p-value far out), JSON in place of YAML."""

import json
import os
from pathlib import Path

os.environ |= {"DO_NOT_TRACK": "1", "WHYLOGS_NO_ANALYTICS": "1"}

import pandas as pd
import whylogs as why
from _bank import CATEGORIES, COLUMNS, NUMBERS, REFERENCE, month, reference, sha256
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

months = {name: month(name) for name in (*REFERENCE, "2025-06-corrected", "2025-09")}
# One profile from the whole table at once is as good as one that was merged.
views = {name: why.log(table[COLUMNS]).view() for name, table in months.items()}
views["reference"] = why.log(pd.concat([months[name] for name in REFERENCE])).view()
Path("profiles").mkdir()
for name, view in views.items():
    view.writer("local").option(base_dir="profiles", base_name=name.removesuffix("-corrected") + ".bin").write()

LIMITS = {
    "amount": ("ks", 1e-12),
    "transactions_24h": ("jensenshannon", 0.08),
    "score": ("ed", 0.3),
    "age_band": ("psi", 0.02),
    "merchant_category": ("hellinger", 0.05),
    "channel": ("kl_div", 0.008),
    "country": ("psi", 0.06),
}
SHOWN = {"psi": "PSI", "hellinger": "Hellinger distance", "ks": "K-S p_value"}
reason = "between what quiet months show and what is worth an alarm"
thresholds = {
    column: {"method": SHOWN.get(method, method), "threshold": limit, "reason": reason}
    for column, (method, limit) in LIMITS.items()
}
Path("thresholds.yaml").write_text(json.dumps({"columns": thresholds}))

definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES, id_column="transaction_id")
preset = DataDriftPreset(
    columns=COLUMNS,
    per_column_method={column: method for column, (method, _) in LIMITS.items()},
    per_column_threshold={column: limit for column, (_, limit) in LIMITS.items()},
)
Path("reports").mkdir()
sources = {}
built_on = Dataset.from_pandas(reference(), data_definition=definition)
for name, file in {"2025-06": "2025-06-corrected", "2025-09": "2025-09"}.items():
    current = Dataset.from_pandas(months[file], data_definition=definition)
    Report([preset], include_tests=True).run(current, built_on).save_json(f"reports/{name}.json")
    sources[name] = {
        "report": sha256(f"reports/{name}.json").upper(),
        "reference": [sha256(f"data/{each}.csv") for each in reversed(REFERENCE)],
        "current": sha256(f"data/{file}.csv"),
    }
Path("reports/sources.yaml").write_text(json.dumps(sources, indent=1))
