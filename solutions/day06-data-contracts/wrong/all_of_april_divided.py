"""Every online amount of April was divided by 100, those before the release, too."""

import pandas as pd

REFUSED_BY = "april_is_replayed"
AFTER = "solution"

rows = pd.read_csv("out/2025-04/accepted.csv", dtype=str, keep_default_na=False)
early = (rows["channel"] == "online") & (rows["timestamp"] < "2025-04-15")
rows.loc[early, "amount"] = (rows.loc[early, "amount"].astype(float) / 100).round(2).astype(str)
rows.to_csv("out/2025-04/accepted.csv", index=False)
