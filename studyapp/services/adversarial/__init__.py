"""Studies of kind `adversarial`: attacked images, whole or as explanations, in arms."""
