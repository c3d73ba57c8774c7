"""A study: its frozen plan, what people are shown, what is asked of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from studyapp.models.attacks import AdversarialImage, AttackRun
from studyapp.models.catalogue import Category, Dataset, Image, public_key
from studyapp.models.examples import ExampleSelection
from studyapp.models.explanations import Explanation
from studyapp.models.runs import Classifier, Prediction, PredictionRun


class Mode(models.TextChoices):
    """Real answers and every kind that must never be pooled with them."""

    REAL = "real"
    REHEARSAL = "rehearsal"
    PILOT = "pilot"
    PREVIEW = "preview"


class Study(models.Model):
    """One study: a protocol, a dataset, classifiers, and the questions they make."""

    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAUSED = "paused"
        CLOSED = "closed"

    name = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="studies")
    classifiers = models.ManyToManyField(Classifier, through="StudyClassifier", related_name="studies")
    protocol_text = models.TextField(help_text="The protocol file as it was given.")
    protocol = models.JSONField(help_text="Its canonical form, defaults filled in.")
    protocol_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="studies"
    )
    groups = models.JSONField(
        default=list,
        blank=True,
        help_text="[category id, group] as read from the protocol's hierarchy file.",
    )
    notes = models.JSONField(
        default=list, blank=True, help_text="What came out smaller than the protocol asks, in sentences."
    )
    built_at = models.DateTimeField(
        null=True, blank=True, help_text="When its stimuli and questions were complete."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return self.title


class StudyClassifier(models.Model):
    """A classifier of a study and the run its predictions come from."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="study_classifiers")
    classifier = models.ForeignKey(Classifier, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(PredictionRun, on_delete=models.PROTECT, related_name="+")
    attack_run = models.ForeignKey(
        AttackRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="study_classifiers",
        help_text="Where the study's adversarial images come from.",
    )
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["study", "position"]
        constraints = [
            models.UniqueConstraint(fields=["study", "classifier"], name="study_classifier_once"),
            models.UniqueConstraint(fields=["study", "position"], name="study_classifier_position_once"),
        ]

    def __str__(self) -> str:
        return str(self.classifier)


class Arm(models.Model):
    """A condition of a study: what is shown and how it is asked."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="arms")
    name = models.SlugField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)
    wording = models.CharField(max_length=300, help_text="'{label}' stands for the class.")
    selection = models.ForeignKey(
        ExampleSelection,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="arms",
        help_text="The prototypes and criticisms that this arm shows.",
    )
    parameters = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["study", "position"]
        constraints = [models.UniqueConstraint(fields=["study", "name"], name="arm_once")]

    def __str__(self) -> str:
        return f"{self.study.name}/{self.name}"


class Stimulus(models.Model):
    """The exact picture people see: 8-bit, lossless, under an unguessable name."""

    class Kind(models.TextChoices):
        WHOLE = "whole", "whole image"
        EXPLANATION = "explanation", "image with attention"
        PANEL = "panel", "panel of pictures"

    class Review(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        HELD_BACK = "held_back", "held back"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="stimuli")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="stimuli")
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.WHOLE)
    variant = models.CharField(
        max_length=100, blank=True, help_text="Tells stimuli of one image apart, such as the explained class."
    )
    adversarial = models.ForeignKey(
        AdversarialImage, on_delete=models.PROTECT, null=True, blank=True, related_name="stimuli"
    )
    explanation = models.ForeignKey(
        Explanation, on_delete=models.PROTECT, null=True, blank=True, related_name="stimuli"
    )
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    file = models.CharField(
        max_length=200, blank=True, help_text="Name in storage; empty where a study has no pixels."
    )
    sha256 = models.CharField(max_length=64, blank=True)
    width = models.PositiveSmallIntegerField(default=0)
    height = models.PositiveSmallIntegerField(default=0)
    parameters = models.JSONField(default=dict, blank=True)
    review = models.CharField(max_length=10, choices=Review.choices, default=Review.PENDING)
    review_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["study", "pk"]
        verbose_name_plural = "stimuli"
        constraints = [
            models.UniqueConstraint(fields=["study", "image", "kind", "variant"], name="stimulus_once")
        ]

    def __str__(self) -> str:
        return self.key


class Question(models.Model):
    """One stimulus and what is asked of it; pooled over every classifier that makes the same mistake."""

    class Origin(models.TextChoices):
        STUDY = "study"
        PRACTICE = "practice"
        IMPORTED = "imported", "imported: answered elsewhere, no question of the study"
        GOLDEN = "golden", "golden: a qualification set that experts answered elsewhere"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="questions")
    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="questions")
    stimulus = models.ForeignKey(Stimulus, on_delete=models.PROTECT, related_name="questions")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="questions")
    label = models.ForeignKey(
        Category,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The class asked about; empty where a list is.",
    )
    labels = models.JSONField(
        default=list, blank=True, help_text="Category ids, in the order shown, where a list is asked about."
    )
    content = models.CharField(
        max_length=100,
        help_text="Tells the questions of one image and arm apart: the label's id, or a list's.",
    )
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.STUDY)
    expected = models.CharField(
        max_length=40, blank=True, help_text="The right answer of a gold or practice question."
    )
    parameters = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["study", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "arm", "image", "content", "origin"], name="question_once"
            )
        ]
        indexes = [models.Index(fields=["study", "origin"], name="question_by_origin")]

    def __str__(self) -> str:
        return self.key


class QuestionUse(models.Model):
    """Why a question is asked: one row for each part it plays in the analysis."""

    class Role(models.TextChoices):
        MISTAKE = "mistake", "top-1 mistake of a classifier"
        TOP5_LIST = "top5_list", "top-5 list of a classifier"
        TOP5_LABEL = "top5_label", "one label of a top-5 list"
        TRUE_LABEL = "true_label", "the dataset's label beside a mistake"
        CONTROL_TRUE = "control_true", "control: the dataset's label of a correct image"
        CONTROL_FOIL = "control_foil", "control: a class the model ranks lower"
        CORRECT = "correct", "sample of correct predictions"
        ADVERSARIAL = "adversarial", "label of an adversarial image"
        FLIP = "flip", "label that a prediction flipped to"
        SAME_FLIP = "same_flip", "changed picture whose prediction flips, beside its siblings"
        SAME_STAYS = "same_stays", "changed picture whose prediction stays, beside its siblings"
        ASSIGNMENT = "assignment", "target of a prototype-assignment trial"
        ATTRIBUTES = "attributes", "what can be seen in an image of a group"
        CHOICE = "choice", "cue-conflict picture, one of the categories is chosen"
        GOLD = "gold", "gold question with a known answer"
        PRACTICE = "practice", "practice with feedback"

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="uses")
    role = models.CharField(max_length=20, choices=Role.choices)
    study_classifier = models.ForeignKey(
        StudyClassifier, on_delete=models.CASCADE, null=True, blank=True, related_name="uses"
    )
    prediction = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, null=True, blank=True, related_name="uses"
    )
    adversarial = models.ForeignKey(
        AdversarialImage, on_delete=models.PROTECT, null=True, blank=True, related_name="uses"
    )
    stratum = models.CharField(max_length=60, blank=True)
    weight = models.FloatField(default=1.0, help_text="Images of the stratum that this draw stands for.")

    class Meta:
        ordering = ["question", "role"]
        constraints = [
            models.UniqueConstraint(
                fields=["question", "role", "study_classifier"], name="question_use_once_per_classifier"
            ),
            models.UniqueConstraint(
                fields=["question", "role"],
                condition=models.Q(study_classifier=None),
                name="question_use_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.role}"


class Draw(models.Model):
    """A random draw of a study, stored so that it never has to be made again."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="draws")
    purpose = models.CharField(max_length=60, help_text="Such as 'review_sample' or 'bootstrap'.")
    seed = models.BigIntegerField()
    values = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "purpose"], name="draw_once")]

    def __str__(self) -> str:
        return f"{self.study.name}: {self.purpose}"


class Amendment(models.Model):
    """A change of an opened study's plan, visible in every export."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="amendments")
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    changes = models.JSONField(help_text="[key, before, after] for each key.")
    reason = models.TextField()
    protocol_sha256 = models.CharField(max_length=64, help_text="Digest after the change.")

    class Meta:
        ordering = ["study", "made_at"]

    def __str__(self) -> str:
        return f"{self.study.name} {self.made_at:%Y-%m-%d}"


class AuditEntry(models.Model):
    """Who decided what: opened, paused, held back, imported, erased."""

    study = models.ForeignKey(
        Study, on_delete=models.CASCADE, null=True, blank=True, related_name="audit_entries"
    )
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=150, help_text="User name, or 'command line'.")
    verb = models.CharField(max_length=40)
    subject = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.verb} {self.subject}"
