"""Attack runs, their counts and where their pictures lie."""
