"""The committed table of ImageNet's classes."""

from __future__ import annotations

import re
from collections import Counter

from inference.imagenet import imagenet_classes


def test_the_table_has_a_thousand_classes_in_the_order_of_their_wnids() -> None:
    classes = imagenet_classes()
    assert [known.index for known in classes] == list(range(1000))
    wnids = [known.wnid for known in classes]
    assert wnids == sorted(set(wnids))
    assert all(re.fullmatch(r"n\d{8}", wnid) for wnid in wnids)
    assert all(known.gloss for known in classes)


def test_no_two_names_read_alike() -> None:
    read = Counter(known.name.casefold().replace("-", " ").rstrip("s") for known in imagenet_classes())
    assert [name for name, times in read.items() if times > 1] == []


def test_known_classes_stand_where_every_classifier_has_them() -> None:
    names = {known.index: (known.wnid, known.name) for known in imagenet_classes()}
    assert names[0] == ("n01440764", "tench")
    assert names[134] == ("n02012849", "crane (bird)")
    assert names[517] == ("n03126707", "crane (machine)")
    assert names[999] == ("n15075141", "toilet tissue")
