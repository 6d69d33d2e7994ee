"""The registry: who — regions, banks, households, eligibility standards, identity checks and masking."""
