"""Answers questions from content: eligibility, forms, rules, schedules, prices, figures.

Pure Python. No Django, no clock, no database: everything needed comes in as an argument.
"""
