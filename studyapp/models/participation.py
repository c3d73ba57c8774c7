"""People and what they chose: participants, sittings, presentations, answers."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from studyapp.models.catalogue import Image, public_key
from studyapp.models.studies import Arm, Mode, Question, Study


class Participant(models.Model):
    """A person who answers, known only by a pseudonym from arrival on."""

    pseudonym = models.CharField(
        max_length=64, unique=True, help_text="Keyed hash of the panel and the panel's id."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.pseudonym[:12]


class ParticipantIdentity(models.Model):
    """The panel's id of a participant, encrypted, apart from everything else, erasable per person."""

    participant = models.OneToOneField(Participant, on_delete=models.CASCADE, related_name="identity")
    panel = models.CharField(max_length=40)
    ciphertext = models.BinaryField()

    class Meta:
        verbose_name_plural = "participant identities"

    def __str__(self) -> str:
        return f"{self.panel} id of {self.participant}"


class RecruitmentLink(models.Model):
    """A way in: an open link, or an invitation that consenting spends."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="links")
    token = models.CharField(max_length=32, unique=True, default=public_key)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.REAL)
    single_use = models.BooleanField(default=False)
    panel = models.CharField(max_length=40, default="link")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    spent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["study", "pk"]

    def __str__(self) -> str:
        return f"{self.study.name}: {self.get_mode_display()} {'invitation' if self.single_use else 'link'}"


class Sitting(models.Model):
    """One participant's visit: consent, instructions, practice, questions, completion code."""

    class State(models.TextChoices):
        INSTRUCTIONS = "instructions"
        PRACTICE = "practice"
        QUESTIONS = "questions"
        COMMENT = "comment"
        FINISHED = "finished"
        SCREENED_OUT = "screened_out", "screened out"
        WITHDRAWN = "withdrawn"

    class ColourVision(models.TextChoices):
        TYPICAL = "typical", "I see colours as most people do"
        DEFICIENT = "deficient", "I mix some colours up, or see few of them"
        UNSURE = "unsure", "I do not know"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="sittings")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="sittings")
    link = models.ForeignKey(RecruitmentLink, on_delete=models.PROTECT, related_name="sittings")
    arm = models.ForeignKey(Arm, on_delete=models.PROTECT, null=True, blank=True, related_name="sittings")
    mode = models.CharField(max_length=10, choices=Mode.choices)
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    colour_vision = models.CharField(
        max_length=10,
        choices=ColourVision.choices,
        blank=True,
        help_text="What the participant says of it, where the study asks; empty: not said.",
    )
    panel_sitting = models.CharField(max_length=100, blank=True, help_text="The panel's own submission id.")
    state = models.CharField(max_length=14, choices=State.choices, default=State.INSTRUCTIONS)
    positive_first = models.BooleanField(help_text="Which side the positive answer is shown on; drawn once.")
    questions_planned = models.PositiveSmallIntegerField()
    practice_right = models.PositiveSmallIntegerField(default=0)
    practice_done = models.PositiveSmallIntegerField(default=0)
    consented_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    completion_code = models.CharField(max_length=20, blank=True)
    comment = models.TextField(blank=True)
    screen_width = models.PositiveIntegerField(null=True, blank=True)
    screen_height = models.PositiveIntegerField(null=True, blank=True)
    pixel_ratio = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["study", "pk"]
        indexes = [models.Index(fields=["study", "participant"], name="sitting_by_participant")]

    def __str__(self) -> str:
        return self.key


class QuestionSlots(models.Model):
    """How many answers a question still takes, counted apart for each mode.

    A slot is taken by one conditional update (`taken < required`) and given back when a lease ends,
    so that no race can collect an answer beyond `required` that counts.
    """

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="slots")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+")
    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="+")
    image = models.ForeignKey(
        Image,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The source image: what a person may have one look at.",
    )
    mode = models.CharField(max_length=10, choices=Mode.choices)
    gold = models.BooleanField(
        default=False, help_text="Asked only to judge participants: outside the least-served order."
    )
    required = models.PositiveSmallIntegerField()
    taken = models.PositiveSmallIntegerField(default=0, help_text="Answers that count plus live leases.")
    counted = models.PositiveSmallIntegerField(default=0, help_text="Answers that count.")
    positive = models.PositiveSmallIntegerField(default=0, help_text="Positive answers that count.")
    open = models.BooleanField(
        default=True, help_text="False once complete, decided early or held back: nothing to allocate."
    )
    shuffle = models.IntegerField(help_text="The stored random order within equally served questions.")

    class Meta:
        verbose_name_plural = "question slots"
        constraints = [
            models.UniqueConstraint(fields=["question", "mode"], name="question_slots_once"),
            models.CheckConstraint(
                condition=Q(taken__lte=F("required")), name="slots_taken_at_most_required"
            ),
            models.CheckConstraint(condition=Q(counted__lte=F("taken")), name="slots_counted_at_most_taken"),
            models.CheckConstraint(
                condition=Q(positive__lte=F("counted")), name="slots_positive_at_most_counted"
            ),
        ]
        indexes = [
            # Two partial indexes and no column for gold: SQLite would sort every row for `NOT gold`.
            models.Index(
                fields=["study", "mode", "arm", "taken", "shuffle"],
                condition=Q(open=True, gold=False),
                name="slots_least_served_first",
            ),
            models.Index(
                fields=["study", "mode", "arm", "taken", "shuffle"],
                condition=Q(open=True, gold=True),
                name="slots_gold_least_served_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.counted} of {self.required}"


class Presentation(models.Model):
    """One question shown to one participant: position, served at, lease until."""

    sitting = models.ForeignKey(Sitting, on_delete=models.CASCADE, related_name="presentations")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="presentations")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="presentations")
    # A study without one look stores it, too, the first time: for the other studies of its family.
    look = models.ForeignKey(
        Image,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The source image, where the study allows a person one look at it.",
    )
    family = models.CharField(
        max_length=100, blank=True, help_text="Within which studies that one look holds; see `one_look`."
    )
    mode = models.CharField(max_length=10, choices=Mode.choices)
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    allocated_at = models.DateTimeField()
    served_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField()
    holds_slot = models.BooleanField(default=True, help_text="It, or its answer, occupies a slot now.")
    answered = models.BooleanField(default=False, help_text="It has an answer that is not superseded.")

    class Meta:
        ordering = ["sitting", "position"]
        constraints = [
            models.UniqueConstraint(fields=["question", "participant"], name="question_once_per_participant"),
            models.UniqueConstraint(
                fields=["look", "participant", "family"], name="one_look_per_participant"
            ),
            models.UniqueConstraint(fields=["sitting", "position"], name="presentation_position_once"),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(holds_slot=True, answered=False),
                name="presentation_live_leases",
            )
        ]

    def __str__(self) -> str:
        return f"{self.sitting} #{self.position}"


class Answer(models.Model):
    """What a participant chose; never edited: superseded, surplus and withdrawn answers are marked."""

    class Status(models.TextChoices):
        COUNTED = "counted"
        SURPLUS = "surplus"
        SUPERSEDED = "superseded"
        WITHDRAWN = "withdrawn"
        PRACTICE = "practice"

    class Origin(models.TextChoices):
        SITTING = "sitting"
        IMPORTED = "imported"

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="answers")
    presentation = models.ForeignKey(
        Presentation, on_delete=models.PROTECT, null=True, blank=True, related_name="answers"
    )
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.REAL)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.SITTING)
    value = models.CharField(
        max_length=400, help_text="One of the arm's values; several, where that is allowed, joined by commas."
    )
    wording = models.CharField(max_length=300, blank=True, help_text="The sentence as it was shown.")
    positive_first = models.BooleanField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.COUNTED)
    answered_at = models.DateTimeField(null=True, blank=True)
    order = models.PositiveIntegerField(
        default=0, help_text="Order within the question: by time, or a stored draw for imports."
    )
    active_seconds = models.FloatField(null=True, blank=True, help_text="Measured in the page.")
    idle_seconds = models.FloatField(null=True, blank=True)
    server_seconds = models.FloatField(null=True, blank=True, help_text="From served to received.")

    class Meta:
        ordering = ["question", "order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["question", "participant"],
                condition=Q(status__in=["counted", "surplus"]),
                name="one_standing_answer_per_participant",
            )
        ]
        indexes = [models.Index(fields=["question", "mode", "status"], name="answer_by_question")]

    def __str__(self) -> str:
        return f"{self.question}: {self.value}"


class ExpertAnswer(models.Model):
    """What an expert says of a question: blind to votes, model and label."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="expert_answers")
    expert = models.CharField(max_length=64)
    value = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "expert"], name="expert_answer_once")]

    def __str__(self) -> str:
        return f"{self.expert}: {self.value}"
