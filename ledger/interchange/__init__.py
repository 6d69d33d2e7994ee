"""Interchange (数据交换): the journal as other programs read it, and what they write as entries could be made of it.

Writers: hledger (which ledger reads, too), beancount, tables (CSV, XLSX) and the national audit interface (GB/T 24589.1).
Each yields its pieces as it goes, so a book of any size costs the same memory; the same journal gives the same bytes. What a
format has no place for, such as the side of a red posting or its dimensions, is carried along in notes, so that what was
written can be read back and nothing is lost.
"""
