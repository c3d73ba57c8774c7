"""Studies of any size for the benchmarks of participants: one row of each kind, then copies in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from studyapp.models import (
    Arm,
    Category,
    ClassList,
    Dataset,
    Image,
    Mode,
    Question,
    QuestionSlots,
    Stimulus,
    Study,
)
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.schema import (
    AnswersRule,
    ParticipantRules,
    Protocol,
    RehearsalPlan,
    ReviewPlan,
)


def build_study(*, name: str, questions: int, per_sitting: int, required: int = 5) -> Study:
    """An open study with `questions` questions, each on an image of its own, one look, 4 of `required`."""
    protocol = Protocol(
        name=name,
        title=name,
        kind="relevance",
        dataset=name,
        classifiers=("none",),
        answers=AnswersRule(required=required, agreement=min(4, required)),
        participants=ParticipantRules(questions_per_sitting=per_sitting),
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
    )
    text = canonical_json(protocol)
    classes, _ = ClassList.objects.get_or_create(digest="benchmark", defaults={"name": "benchmark"})
    category, _ = Category.objects.get_or_create(class_list=classes, index=0, defaults={"name": "cat"})
    dataset = Dataset.objects.create(name=name, layout=Dataset.Layout.NAMES, class_list=classes)
    study = Study.objects.create(
        name=name,
        title=name,
        kind=protocol.kind,
        dataset=dataset,
        protocol_text="",
        protocol=json.loads(text),
        protocol_sha256=canonical_sha256(text),
        state=Study.State.OPEN,
        built_at=timezone.now(),
    )
    arm = Arm.objects.create(study=study, name="main", wording=protocol.questions.wording)
    image = Image.objects.create(dataset=dataset, name="0", category=category)
    stimulus = Stimulus.objects.create(study=study, image=image, width=224, height=224)
    question = Question.objects.create(
        study=study, arm=arm, stimulus=stimulus, image=image, label=category, content=f"label:{category.pk}"
    )
    slots = QuestionSlots.objects.create(
        question=question,
        study=study,
        arm=arm,
        image=image,
        mode=Mode.REAL,
        required=required,
        shuffle=0,
    )
    numbers = f"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {questions - 1})"
    key = "'" + name + "-' || s.{0}"
    with connection.cursor() as cursor, transaction.atomic():
        if connection.vendor == "postgresql" and _is_superuser(cursor):
            # The copies refer to rows that are there: checking millions of references only takes time.
            cursor.execute("SET LOCAL session_replication_role = replica")
        _copy(cursor, image, f"{numbers} SELECT i FROM n)", {"name": "s.i", "key": key.format("i")})
        others = f"(SELECT id FROM studyapp_image WHERE dataset_id = {dataset.pk} AND id <> {image.pk})"
        _copy(cursor, stimulus, others, {"image_id": "s.id", "key": key.format("id")})
        others = _others(stimulus, study)
        values = {"stimulus_id": "s.id", "image_id": "s.image_id", "key": key.format("id")}
        _copy(cursor, question, others, values)
        others = _others(question, study)
        postgresql = connection.vendor == "postgresql"
        draw = "floor(random() * 2147483647)" if postgresql else "abs(random() % 2147483647)"
        _copy(cursor, slots, others, {"question_id": "s.id", "image_id": "s.image_id", "shuffle": draw})
    return study


def _is_superuser(cursor: Any) -> bool:
    cursor.execute("SELECT current_setting('is_superuser') = 'on'")
    return bool(cursor.fetchone()[0])


def _others(template: Stimulus | Question, study: Study) -> str:
    """The study's rows of the template's table besides the template."""
    return (
        f"(SELECT id, image_id FROM {template._meta.db_table} "
        f"WHERE study_id = {study.pk} AND id <> {template.pk})"
    )


def _copy(cursor: Any, template: models.Model, source: str, changed: Mapping[str, str]) -> None:
    """Insert a copy of `template` for each row `s` of `source`, with some columns changed (SQL)."""
    table = template._meta.db_table
    columns = [str(field.column) for field in template._meta.concrete_fields if not field.primary_key]
    values = [changed.get(column, f't."{column}"') for column in columns]
    named = ", ".join(f'"{column}"' for column in columns)
    cursor.execute(
        f"INSERT INTO {table} ({named}) SELECT {', '.join(values)} "
        f"FROM {table} t CROSS JOIN {source} s WHERE t.id = %s",
        [template.pk],
    )
