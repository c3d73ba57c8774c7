"""How people arrive and how they are sent back."""
