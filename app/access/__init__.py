"""Access (访问控制): who works here, what each may do, how one proves to be oneself. The ledger knows actors as texts only."""
