"""Guarantees: compensation pools (风险补偿金) per county and bank, their capacity, claims, payouts and recoveries."""
