"""The sub-commands of ``headcount``: one module each, with a click command ``command``."""
