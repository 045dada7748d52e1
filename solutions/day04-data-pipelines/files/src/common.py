"""What the steps share."""

FEATURES = [
    "amount",
    "amount_to_usual",
    "hour",
    "is_foreign",
    "card_present",
    "transactions_24h",
]
HOME = "AT"
WITH_CARD = ("chip", "contactless")
