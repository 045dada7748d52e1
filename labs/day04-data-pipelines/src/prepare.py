"""Split the payments into those to learn from and those to test on."""

from pathlib import Path

import pandas as pd

TEST_FROM = "2025-04"

payments = pd.read_csv("data/payments.csv")
month = payments["timestamp"].str[:7]
Path("build").mkdir(exist_ok=True)
payments[month < TEST_FROM].to_csv("build/train.csv", index=False)
payments[month >= TEST_FROM].to_csv("build/test.csv", index=False)
print(f"{(month < TEST_FROM).sum()} payments to learn from, {(month >= TEST_FROM).sum()} to test on")
