"""Suspicions (疑点): an auditor's first tests as queries, each hit a question with the rows behind it, decided by a person."""
