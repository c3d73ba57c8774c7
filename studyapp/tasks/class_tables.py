"""The ImageNet class list that comes with the product, as the services know class lists."""

from __future__ import annotations

from functools import cache

from studyapp.services.catalogue.class_lists import IMAGENET, ClassEntry, ClassTable


@cache
def imagenet_table() -> ClassTable:
    """The 1,000 classes in the order networks put them out, with synonyms and glosses."""
    from inference.imagenet import imagenet_classes

    return ClassTable(
        name=IMAGENET,
        entries=tuple(
            ClassEntry(known.index, known.name, known.wnid, known.synonyms, known.gloss)
            for known in imagenet_classes()
        ),
    )
