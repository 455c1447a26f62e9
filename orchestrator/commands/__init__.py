"""The sub-commands of ``headcount``, a module each; each offers a click command ``command``."""
