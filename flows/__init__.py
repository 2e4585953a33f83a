"""Prefect flows and the command line: schedule, order and retries, no logic of their own."""
