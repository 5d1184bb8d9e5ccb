"""The instrument: what fastml costs, beside its peers and beside the machine's own limit."""
