"""Addresses of the participant pages."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from studyapp.views import participant, participant_arrival, participant_media


class NameConverter(StringConverter):
    """One part of an address, without the NUL that PostgreSQL can not look up."""

    regex = "[^/\0]+"


register_converter(NameConverter, "name")

app_name = "participant"

urlpatterns = [
    path("join/<name:token>/", participant_arrival.join, name="join"),
    path("join/<name:token>/first/", participant_arrival.preview, name="preview"),
    path("sit/<name:token>/", participant.sitting, name="sitting"),
    path("sit/<name:token>/begin/", participant.begin_questions, name="begin"),
    path("sit/<name:token>/practice/<int:number>/", participant.practice_step, name="practice"),
    path("sit/<name:token>/practised/", participant.end_practice, name="practised"),
    path("sit/<name:token>/served/", participant.served, name="served"),
    path("sit/<name:token>/answer/", participant.answer, name="answer"),
    path("sit/<name:token>/undo/", participant.undo, name="undo"),
    path("sit/<name:token>/next/", participant.carry_on, name="next"),
    path("sit/<name:token>/stop/", participant.stop, name="stop"),
    path("sit/<name:token>/finish/", participant.finish_sitting, name="finish"),
    path("sit/<name:token>/withdraw/", participant.withdraw_sitting, name="withdraw"),
    path("stimulus/<name:key>.png", participant_media.stimulus, name="stimulus"),
]
