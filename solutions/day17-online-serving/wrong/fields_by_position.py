"""Values are handed to the model in the order in which the client wrote them."""

from _service import change, make

REFUSED_BY = "scores_are_the_models"
AFTER = "start"

make()
change(
    "service.py",
    (
        "def predict(question: Question, request: Request, response: Response):",
        "async def predict(question: Question, request: Request, response: Response):\n"
        "    sent = (await request.json())['rows']",
    ),
    (
        '        table = pd.DataFrame(rows)[list(served["model"].feature_names_in_)]\n',
        '        values = [[value for name, value in row.items() if name != "transaction_id"] for row in sent]\n'
        '        table = pd.DataFrame(values, columns=list(served["model"].feature_names_in_))\n',
    ),
)
