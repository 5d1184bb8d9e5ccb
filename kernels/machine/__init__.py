"""How Python becomes machine code here: policy, cache, host, teams of threads."""
