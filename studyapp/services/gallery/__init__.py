"""The review gallery: which images, in which order, with what is known of each, and decisions about them."""
