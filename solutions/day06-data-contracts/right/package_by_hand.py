"""All in a terminal: a package, a contract typed by hand with Windows line ends, pandas' own types, a checkpoint."""

import csv
import subprocess
import sys
from pathlib import Path

AFTER = "start"

Path("contract").mkdir()
Path("gate").mkdir()
SCHEMA = """\
# What is promised of each row. Version 1.0.0
schema_type: dataframe
columns:
  transaction_id: {dtype: str, unique: true, report_duplicates: exclude_first}
  timestamp:
    dtype: datetime64[ns]
    checks:
      greater_than_or_equal_to: "2020-01-01"
  customer_id: {dtype: str, str_matches: ".+"}
  age_band: {dtype: str, isin: [18-29, 30-44, 45-64, 65+]}
  merchant_id: {dtype: str, str_matches: ".+"}
  merchant_category:
    dtype: str
    str_matches: ^(grocery|fuel|restaurant|clothing|electronics|travel|health|digital)$
  channel: {dtype: str, isin: [chip, contactless, online, phone]}
  country: {dtype: str, nullable: false, str_length: {min_value: 2, max_value: 2}}
  amount: {dtype: float64, in_range: {min_value: 0.01, max_value: 1000000000}}
  transactions_24h: {dtype: int64, greater_than: 0}
coerce: true
"""
SUITE = """\
{"name": "month", "meta": {"version": 1, "owner": "card systems"}, "expectations": [
  {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 700}},
  {"type": "expect_column_values_to_be_null", "kwargs": {"column": "fault", "mostly": 0.9}},
  MEANS
]}
"""
MEAN = (
    '{"type": "expect_column_mean_to_be_between", "kwargs": {"column": "amount", "max_value": 350, '
    '"row_condition": "channel==\\"%s\\"", "condition_parser": "pandas"}}'
)
GATE = '''\
"""The gate."""
import json
import logging
import os
import sys
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"
import great_expectations as gx
import pandas as pd
import pandera.pandas as pa

logging.disable(logging.WARNING)
HERE = Path(__file__).resolve().parent.parent
month, incoming, out = sys.argv[1:]
frame = pd.read_csv(incoming, parse_dates=["timestamp"])
frame["fault"] = None
problems = []
schema = pa.DataFrameSchema.from_yaml(HERE / "contract" / "schema.yaml")
within = pa.Check(lambda moments: moments.dt.strftime("%Y-%m") == month, name="within_the_month")
schema.columns["timestamp"].checks.append(within)
try:
    schema(frame.drop(columns="fault"), lazy=True)
except pa.errors.SchemaErrors as error:
    for case in error.failure_cases.to_dict("records"):
        if pd.isna(case["index"]):
            problems.append(f"{case['check']} {case['failure_case']}")
        else:
            frame.loc[int(case["index"]), "fault"] = f"The {case['column']} is not as agreed."

context = gx.get_context(mode="ephemeral")
suite = context.suites.add(gx.ExpectationSuite(**json.loads((HERE / "contract/suite.json").read_text())))
data = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=data, suite=suite))
checkpoint = context.checkpoints.add(gx.Checkpoint(name="c", validation_definitions=[definition]))
ran = checkpoint.run(batch_parameters={"dataframe": frame})
warnings = []
for validation in ran.run_results.values():
    for each in validation.results:
        if not each.success:
            hard = each.expectation_config.severity == "critical"
            (problems if hard else warnings).append(str(each.expectation_config))

os.makedirs(out, exist_ok=True)
good = frame["fault"].isna() & (not problems)
kept = frame[good].drop(columns="fault").sort_values("amount")
kept.to_csv(f"{out}/accepted.csv", index=False, lineterminator="\\r\\n")
bad = frame[~good].rename(columns={"fault": "reason"}).fillna({"reason": "whole month"})
bad[["reason", *frame.columns.drop("fault")]].to_csv(f"{out}/quarantine.csv", index=True)
report = dict(decision="stopped" if problems else "accepted", accepted=int(good.sum()), quarantined=int((~good).sum()))
report |= {"reasons": problems, "warnings": warnings, "schema": "1"}
with open(f"{out}/report.json", "w", newline="\\r\\n") as file:
    json.dump(report, file, indent=1)
sys.exit(bool(problems))
'''
means = ",\n  ".join(MEAN % channel for channel in ("chip", "contactless", "online", "phone"))
for path, text in (
    ("contract/schema.yaml", SCHEMA),
    ("contract/suite.json", SUITE.replace("MEANS", means)),
    ("gate/__init__.py", ""),
    ("gate/__main__.py", GATE),
):
    Path(path).write_text(text, encoding="utf-8", newline="\r\n")

with open("incoming/2025-04.csv", newline="") as file, open("april.csv", "w", newline="") as copy:
    reader = csv.DictReader(file)
    writer = csv.DictWriter(copy, reader.fieldnames)
    writer.writeheader()
    for row in reader:
        if row["channel"] == "online" and "2025-04-15" <= row["timestamp"] < "2025-05":
            row["amount"] = float(row["amount"]) / 100
        writer.writerow(row)
subprocess.run([sys.executable, "-m", "gate", "2025-04", "april.csv", "out/2025-04"], check=True)
