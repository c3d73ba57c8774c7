"""People and networks that chose among categories, side by side."""
