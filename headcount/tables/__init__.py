"""The archive's tables of photos, faces and references, in Lance: the one door to that library.

Workers write fragments (data files that no reader sees yet); the supervisor commits all
fragments of a job as one version. See https://lance.org/guide/distributed_write/ for the method.
"""
