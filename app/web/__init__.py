"""The staff's web pages (工作台): read-only, rendered on the server, without scripts.

`asked` makes a question of a query string, `queries` answers it from the books, `words` says it in Chinese, and `pages`
puts the three together under one address each.
"""
