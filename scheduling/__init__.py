"""Scheduling: the nightly close (日终) as ordered, recorded, idempotent steps; it knows steps, not what they do."""
