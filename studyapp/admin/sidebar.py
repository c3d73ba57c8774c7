"""The admin's sidebar, grouped as the data flows (setting UNFOLD names `navigation`)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from studyapp import models

GROUPS: tuple[tuple[str, tuple[tuple[str, str, type], ...]], ...] = (
    (
        "Catalogue",
        (
            ("Datasets", "photo_library", models.Dataset),
            ("Images", "image", models.Image),
            ("Class lists", "list", models.ClassList),
            ("Categories", "label", models.Category),
            ("Skipped files", "hide_image", models.SkippedFile),
        ),
    ),
    (
        "Classifiers",
        (
            ("Classifiers", "neurology", models.Classifier),
            ("Prediction runs", "play_circle", models.PredictionRun),
            ("Predictions", "done_all", models.Prediction),
        ),
    ),
    (
        "Attacks and explanations",
        (
            ("Attacks", "bolt", models.AttackRun),
            ("Adversarial images", "blur_on", models.AdversarialImage),
            ("Explanation runs", "lightbulb", models.ExplanationRun),
            ("Explanations", "grid_on", models.Explanation),
        ),
    ),
    (
        "Examples and probes",
        (
            ("Features", "scatter_plot", models.FeatureRun),
            ("Example selections", "star", models.ExampleSelection),
            ("Selected examples", "collections", models.SelectedExample),
            ("Image pairs", "compare", models.ImagePair),
            ("Probes", "palette", models.ProbeRun),
            ("Probe classifiers", "tune", models.ProbeClassifier),
            ("Category sets", "category", models.ChoiceSet),
            ("Observers", "face", models.Observer),
            ("Observers' trials", "touch_app", models.ChoiceTrial),
            ("Shift runs", "open_with", models.ShiftRun),
            ("Shift maps", "gradient", models.ShiftMaps),
            ("Stylised copies", "brush", models.StyliseRun),
            ("Styles", "format_paint", models.Style),
            ("Stylised pictures", "image", models.StylisedPicture),
        ),
    ),
    (
        "Studies",
        (
            ("Studies", "science", models.Study),
            ("Study classifiers", "link", models.StudyClassifier),
            ("Arms", "call_split", models.Arm),
            ("Stimuli", "visibility", models.Stimulus),
            ("Questions", "help", models.Question),
            ("Question uses", "account_tree", models.QuestionUse),
            ("Draws", "casino", models.Draw),
            ("Amendments", "edit_note", models.Amendment),
            ("Audit trail", "history", models.AuditEntry),
        ),
    ),
    (
        "Participation",
        (
            ("Recruitment links", "mail", models.RecruitmentLink),
            ("Participants", "person", models.Participant),
            ("Participant identities", "fingerprint", models.ParticipantIdentity),
            ("Sittings", "event_seat", models.Sitting),
            ("Question slots", "inventory", models.QuestionSlots),
            ("Presentations", "slideshow", models.Presentation),
            ("Answers", "check_box", models.Answer),
            ("Exposures", "timer", models.Exposure),
            ("Expert answers", "school", models.ExpertAnswer),
        ),
    ),
    (
        "Jobs",
        (("Jobs", "pending_actions", models.Job), ("Chunks", "grid_view", models.Chunk)),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups as the theme reads them; accounts come last."""
    groups = [
        {
            "title": title,
            "collapsible": True,
            "items": [
                {
                    "title": name,
                    "icon": icon,
                    "link": reverse(f"admin:studyapp_{model.__name__.lower()}_changelist"),
                }
                for name, icon, model in entries
            ],
        }
        for title, entries in GROUPS
    ]
    accounts = [
        {"title": "Users", "icon": "badge", "link": reverse("admin:auth_user_changelist")},
        {"title": "Groups", "icon": "group", "link": reverse("admin:auth_group_changelist")},
    ]
    return [
        {
            "items": [
                {"title": "Board", "icon": "dashboard", "link": "/"},
                {"title": "Galleries", "icon": "gallery_thumbnail", "link": reverse("gallery:index")},
            ]
        },
        *groups,
        {"title": "Accounts", "collapsible": True, "items": accounts},
    ]
