"""How pages write numbers, times and digests."""
