"""Rosters: who is expected where, read from files of people and held against what was found.

Pure: bytes and tables in, tables out. Nothing here knows storage, settings or the programs.
"""
