"""Adapters from the case formats of published suites to our terms; `python -m tests.conformance FOLDER` compares a folder."""
