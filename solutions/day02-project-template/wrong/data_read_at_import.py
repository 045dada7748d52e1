"""`features.py` reads the transactions when it is imported, for what is usual: it works in this folder alone."""

from _package import commit, replace

REFUSED_BY = "package_is_importable"
AFTER = "solution"

replace(
    "src/cardfraud/features.py",
    'HOME = "AT"\n',
    'HOME = "AT"\nUSUAL = pd.read_csv("data/transactions.csv").groupby("customer_id")["amount"].median()\n',
)
commit()
