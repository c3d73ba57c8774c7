"""Tables, figures, answer files, data dictionary and manifest."""
