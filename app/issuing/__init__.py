"""Issuing (签发): a question becomes figures as known now, a paper with a serial number, a copy in the register,
and later an answer to whether a file is genuine (真), altered (已改动) or superseded (已被取代).
"""
