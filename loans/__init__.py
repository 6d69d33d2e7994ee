"""Loans (贷款): products, terms, schedules, interest streams, servicing, interest subsidy and relending.

One pure function, `loans.replay.replay`, turns terms and events into a loan's whole life; preview, booking, night
and paper all call it.
"""
