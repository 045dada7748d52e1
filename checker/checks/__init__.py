"""What is true when a day is done: one module for each lab."""
