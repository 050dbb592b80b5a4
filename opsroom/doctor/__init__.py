"""What works here, and what to do about what does not: small looks at one thing each, which change nothing."""
