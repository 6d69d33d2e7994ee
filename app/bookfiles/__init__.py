"""Files with which books begin (建账文件): charts, opening balances and past journals, read for `ledger.initialisation`."""
