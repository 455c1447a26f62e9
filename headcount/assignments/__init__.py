"""The assignments of each job (decision, person, cluster of each face), and their differences."""
