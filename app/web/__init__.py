"""The staff's web pages (工作台), rendered on the server.

Every request passes the `gate`, which asks `permissions` who may come in; `asked` makes a question of a query string,
`queries` answers it from the books as the visitor may see them, `words` says it in Chinese, `frame` puts the page around it,
and `pages` gives each its address.
"""
