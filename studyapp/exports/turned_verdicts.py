"""The images on which two arms come to different verdicts, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studyapp.analysis.arm_pairs import ArmPair, turned
from studyapp.analysis.arms import ArmImages
from studyapp.analysis.arrays import IntArray
from studyapp.exports.arm_results import TurnedVerdict
from studyapp.exports.attack_evidence import StudyAttack
from studyapp.exports.judged import ReadArm
from studyapp.models import AdversarialImage, Question


def turned_verdicts(
    arms: Sequence[ReadArm],
    attacks: Sequence[StudyAttack],
    asked: Mapping[str, Sequence[IntArray]],
    images: Mapping[str, Sequence[ArmImages]],
    pairs: Sequence[tuple[str, ArmPair]],
) -> dict[str, tuple[TurnedVerdict, ...]]:
    """The images whose verdict differs between the arms of a pair, under the pair's first arm."""
    places = {arm.name: place for place, arm in enumerate(arms)}
    by_name = {attack.outcomes.classifier: attack for attack in attacks}
    found: dict[str, list[TurnedVerdict]] = {arm.name: [] for arm in arms}
    for classifier, pair in pairs:
        attack = by_name[classifier]
        first, second = places[pair.first], places[pair.second]
        differing = turned(images[classifier][first], images[classifier][second])
        rows = _adversarial_rows([int(attack.key[each.image]) for each in differing])
        keys = _question_keys(
            [
                int(arms[place].judged.key[asked[classifier][place][each.image]])
                for each in differing
                for place in (first, second)
            ]
        )
        for each in differing:
            row = rows[int(attack.key[each.image])]
            questions = [
                keys[int(arms[place].judged.key[asked[classifier][place][each.image]])]
                for place in (first, second)
            ]
            predicted = row.displayed_predicted if attack.outcomes.read_from_file else row.float_predicted
            found[pair.first].append(
                TurnedVerdict(
                    classifier=classifier,
                    second=pair.second,
                    agreed_in_second=each.agreed_in_second,
                    image=row.image.name,
                    true=row.true.name if row.true else row.image.category.name,
                    predicted=predicted.name if predicted else "",
                    first_votes=_votes_at(images[classifier][first], each.image),
                    second_votes=_votes_at(images[classifier][second], each.image),
                    first_question=questions[0],
                    second_question=questions[1],
                    adversarial=row.key,
                )
            )
    return {name: tuple(rows) for name, rows in found.items()}


def _votes_at(arm: ArmImages, image: int) -> tuple[int, int]:
    return int(arm.positive[image]), int(arm.received[image])


def _adversarial_rows(keys: Sequence[int]) -> Mapping[int, AdversarialImage]:
    rows = AdversarialImage.objects.select_related(
        "image__category", "true", "displayed_predicted", "float_predicted"
    )
    return {key: row for part in _parts(keys) for key, row in rows.in_bulk(part).items()}


def _question_keys(keys: Sequence[int]) -> Mapping[int, str]:
    return {
        pk: key
        for part in _parts(keys)
        for pk, key in Question.objects.filter(pk__in=part).values_list("pk", "key")
    }


def _parts(keys: Sequence[int]) -> list[list[int]]:
    """Few enough keys for one query each."""
    distinct = sorted(set(keys))
    return [distinct[start : start + 900] for start in range(0, len(distinct), 900)]
