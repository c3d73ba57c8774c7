"""What is asked about classifiers' mistakes: all of them or a stored sample of each stratum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from studyapp.models import QuestionUse
from studyapp.protocol.questions import MistakeQuestions, RelevanceQuestions, Top5Questions
from studyapp.services.planning.asking import Asked, Use
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.study_predictions import Mistake, RunPredictions, StudyPredictions
from studyapp.services.refusals import Refused

_TOP = 5
_STRATUM_LENGTH = 60

Drawn = tuple[Mistake, str, float]


def plan_mistakes(
    *, predictions: StudyPredictions, questions: MistakeQuestions, groups: Mapping[int, str], drawer: Drawer
) -> tuple[Asked, ...]:
    """Questions about the mistakes of every classifier, with `ask_true_label` those beside them.

    Science.md, section 1: top-1 mistakes, or top-5 lists under variant A or B; with `review_sample`
    a draw from each stratum whose weight is the stratum's size over the number drawn.
    """
    found: list[Asked] = []
    for position, run in enumerate(predictions.runs):
        mistakes = run.mistakes
        if isinstance(questions, Top5Questions):
            _refuse_short_rankings(run, questions)
            if questions.top5_variant == "B":
                mistakes = tuple(each for each in mistakes if each.true not in each.ranking[:_TOP])
        for mistake, stratum, weight in _reviewed(position, run, mistakes, questions, groups, drawer):
            found += _asked_about(mistake, position, questions, stratum, weight)
    return tuple(found)


def _asked_about(
    mistake: Mistake, position: int, questions: MistakeQuestions, stratum: str, weight: float
) -> Iterator[Asked]:
    def use(role: QuestionUse.Role) -> Use:
        return Use(role, position, mistake.prediction, stratum, weight)

    if isinstance(questions, RelevanceQuestions):
        yield Asked(mistake.image, use(QuestionUse.Role.MISTAKE), label=mistake.label, other=mistake.true)
    elif questions.top5_question == "list":
        yield Asked(mistake.image, use(QuestionUse.Role.TOP5_LIST), listed=mistake.ranking[:_TOP])
    else:
        for label in mistake.ranking[:_TOP]:
            yield Asked(mistake.image, use(QuestionUse.Role.TOP5_LABEL), label=label)
        if questions.top5_variant != "B":
            # The first of the five is the top-1 question: its answers serve the top-1 table as well.
            yield Asked(mistake.image, use(QuestionUse.Role.MISTAKE), label=mistake.label)
    if questions.ask_true_label:
        yield Asked(mistake.image, use(QuestionUse.Role.TRUE_LABEL), label=mistake.true)


def _reviewed(
    position: int,
    run: RunPredictions,
    mistakes: Sequence[Mistake],
    questions: MistakeQuestions,
    groups: Mapping[int, str],
    drawer: Drawer,
) -> Iterator[Drawn]:
    """The mistakes that are asked about, each with its stratum and weight; the draw is recorded.

    The record of a stratum holds its size, the true categories it is made of (none: all) and the
    images drawn, so that the stratum of every mistake is known without drawing again.
    """
    if questions.review_sample is None:
        for mistake in mistakes:
            yield mistake, "", 1.0
        return
    stratum_of = _strata(questions, groups)
    strata: dict[str, list[Mistake]] = {}
    for mistake in mistakes:
        strata.setdefault(stratum_of(mistake), []).append(mistake)
    seed, rng = drawer.generator()
    values: list[dict[str, object]] = []
    for name in sorted(strata):
        members = strata[name]
        drawn = [members[int(place)] for place in rng.permutation(len(members))[: questions.review_sample]]
        whole = questions.review_stratum == "classifier"
        values.append(
            {
                "classifier": run.classifier.name,
                "stratum": name,
                "size": len(members),
                "categories": [] if whole else sorted({each.true for each in members}),
                "images": [each.image for each in drawn],
            }
        )
        for mistake in drawn:
            yield mistake, name[:_STRATUM_LENGTH], len(members) / len(drawn)
    drawer.record(f"review_sample:{position}", seed, values)


def _strata(questions: MistakeQuestions, groups: Mapping[int, str]) -> Callable[[Mistake], str]:
    if questions.review_stratum == "classifier":
        return lambda mistake: "all"
    if questions.review_stratum == "category":
        return lambda mistake: f"category:{mistake.true}"
    # No group has an empty name, so categories outside the hierarchy can not fall in with one called "none".
    return lambda mistake: f"group:{groups.get(mistake.true, '')}"


def _refuse_short_rankings(run: RunPredictions, questions: Top5Questions) -> None:
    needed = min(_TOP, len(run.labels.by_index))
    short = next((each for each in run.mistakes if len(each.ranking) < needed), None)
    if short is not None:
        raise Refused(
            f"Classifier {run.classifier.name}: the predictions hold {len(short.ranking)} class(es) per "
            f"image, and a top-5 study needs {needed}; run predict, or import predictions with a ranking."
        )
