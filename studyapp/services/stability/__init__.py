"""Studies of kind `stability`: flips of a probe, put before people."""
