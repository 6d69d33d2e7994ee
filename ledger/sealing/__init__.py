"""Seals (封签): what was recorded is chained by hashes, per book, so that a later change, even by the owner, shows."""
