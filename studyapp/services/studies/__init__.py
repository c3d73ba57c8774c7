"""A study's life: created, amended, reviewed, opened, watched, closed."""
