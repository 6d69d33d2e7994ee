"""Bank reconciliation (银行对账): statements of the special accounts, matched with the books' 1004, and the 余额调节表."""
