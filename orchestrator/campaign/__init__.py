"""Campaigns: what of their queues comes next, what their envelopes allow, how their runs end."""
