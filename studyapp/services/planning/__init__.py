"""What a study asks, settled before any of it is written."""
