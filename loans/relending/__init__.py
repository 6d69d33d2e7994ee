"""Relending (扶贫再贷款): draws from the central bank, how they grow and end, what secures them, and which loans they fund."""
