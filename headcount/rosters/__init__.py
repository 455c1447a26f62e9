"""Rosters: who is expected where, read from files of people and held against what was found.

Pure but for `source`: bytes and tables in, tables out. Nothing else here knows storage, settings or
the programs.
"""
