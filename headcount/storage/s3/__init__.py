"""Objects in S3: the one door to minio and urllib3.

``faults`` maps their errors to those of headcount, ``client`` connects, ``listing`` lists in key
order, ``store`` is the S3Store.
"""
