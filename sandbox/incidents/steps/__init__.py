"""What may happen in an incident, by the part of the stack that it happens to.

Each function is registered under a name that the files of incidents use. It gets the world, when it
happens, and its arguments, and does to AWS what the person, the program or AWS itself would do.
"""
