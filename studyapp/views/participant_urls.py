"""Addresses of the participant pages."""

from django.urls import path

from studyapp.views import participant, participant_arrival, participant_media

app_name = "participant"

urlpatterns = [
    path("join/<str:token>/", participant_arrival.join, name="join"),
    path("join/<str:token>/first/", participant_arrival.preview, name="preview"),
    path("sit/<str:token>/", participant.sitting, name="sitting"),
    path("sit/<str:token>/begin/", participant.begin_questions, name="begin"),
    path("sit/<str:token>/practice/<int:number>/", participant.practice_step, name="practice"),
    path("sit/<str:token>/practised/", participant.end_practice, name="practised"),
    path("sit/<str:token>/served/", participant.served, name="served"),
    path("sit/<str:token>/answer/", participant.answer, name="answer"),
    path("sit/<str:token>/undo/", participant.undo, name="undo"),
    path("sit/<str:token>/next/", participant.carry_on, name="next"),
    path("sit/<str:token>/stop/", participant.stop, name="stop"),
    path("sit/<str:token>/finish/", participant.finish_sitting, name="finish"),
    path("sit/<str:token>/withdraw/", participant.withdraw_sitting, name="withdraw"),
    path("stimulus/<str:key>.png", participant_media.stimulus, name="stimulus"),
]
