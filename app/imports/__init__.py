"""Imports (导入): files of banks and bureaus become business, all rows checked first and every bad one reported."""
