"""The colours of every figure."""

from __future__ import annotations

# Okabe and Ito (2008): told apart with every common form of colour vision. Yellow is left out: it is
# too light for thin marks on white.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK = "#222222"
SOFT = "#6b6b6b"
RULE = "#d9d9d6"
BEFORE = "#bdbdb8"
