"""Quarantine (隔离): a loan whose data break a step of the night is set aside, and caught up once it is repaired."""
