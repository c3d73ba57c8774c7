"""Studies of prototypes and criticisms: which group does a picture belong to, and what can be seen in it."""
