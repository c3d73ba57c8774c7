"""Series of changed pictures: colour, shift, style. 8-bit pixels in, 8-bit pixels out, on any device."""
