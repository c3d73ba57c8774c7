"""Explanations and attacks in the admin: every row can be looked at, none can be changed."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from studyapp.models import AdversarialImage, AttackRun, Classifier, Dataset, Explanation, ExplanationRun
from tests.studyapp_tests.explanations.halves import attack_halves, said

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", [AttackRun, AdversarialImage, ExplanationRun, Explanation])
def test_rows_are_listed_found_and_read_only(
    client: Client, compare: tuple[Dataset, Classifier], model: type
) -> None:
    said("explain", "halves", "compare", "--attack", str(attack_halves()), "--limit", "2", "--samples", "20")
    client.force_login(get_user_model().objects.create_superuser("root"))
    address = f"/admin/studyapp/{model.__name__.lower()}/"
    assert client.get(address).status_code == 200
    assert client.get(f"{address}?q=halves").status_code == 200
    row = model.objects.first()  # type: ignore[attr-defined]
    text = client.get(f"{address}{row.pk}/change/").content.decode()
    assert str(row.pk) in text
    assert 'name="_save"' not in text
    assert client.post(f"{address}{row.pk}/delete/").status_code == 403
