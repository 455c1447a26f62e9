r"""The files below a directory as objects, listed in the order of S3.

Names that are not UTF-8 are spelt reversibly: each stray byte is ``\xHH`` in the key, and a
backslash that would read as such an escape is ``\x5C``. Every other name is its own key.
"""
