"""Initialisation (账套初始化): what a book begins with, its chart, opening balances and past journals, loaded from files."""
