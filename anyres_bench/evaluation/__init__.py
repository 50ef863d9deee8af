"""Tasks, suites, evaluation and reports."""
