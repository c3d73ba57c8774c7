"""For how long a picture was really on the screen, where a study limits it."""

from __future__ import annotations

from django.db import models

from studyapp.models.participation import Answer


class Exposure(models.Model):
    """What the page measured while it showed the picture of one answer; empty where it could not measure."""

    answer = models.OneToOneField(Answer, on_delete=models.CASCADE, related_name="exposure")
    shown_ms = models.FloatField(
        null=True, blank=True, help_text="From the picture's first frame to the mask's."
    )
    frames = models.PositiveIntegerField(null=True, blank=True, help_text="Frames that showed the picture.")
    refresh_ms = models.FloatField(
        null=True, blank=True, help_text="One frame of this screen, the median before."
    )
    hidden = models.BooleanField(
        default=False, help_text="The page was out of sight while it showed the picture."
    )
    again = models.BooleanField(
        default=False, help_text="The picture had been shown before: a reload or an undo."
    )

    def __str__(self) -> str:
        return f"{self.answer}: {self.shown_ms} ms"
