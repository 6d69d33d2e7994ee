"""Vouchers (凭证) that people write: drafted by one, approved by another, posted for good."""
