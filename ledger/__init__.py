"""The ledger (账务): books, accounts, journal, vouchers, periods and balances; money, calendar and the database edge.

Nothing here knows a loan, a pool or a station: they know the ledger.
"""
