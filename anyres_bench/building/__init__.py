"""From candidates to a dataset: pipeline, ledger, duplicates, export."""
