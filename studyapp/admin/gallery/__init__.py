"""The review gallery: pages of the admin that show attacked images and their explanations."""
