"""Interest subsidy (贴息): schemes, the batch of a bank and period from preparation to payment, and what the bank's book says."""
