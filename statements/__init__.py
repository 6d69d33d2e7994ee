"""Papers (单证): figures as pure values, one layout grammar, PDF bytes.

`figures` says what a paper states and refuses what does not add up; `page` and `table` know paper and ink but no
loans; `loan_statement` and `voucher` lay figures out. Nothing here reads a database, a clock or the environment.
"""
