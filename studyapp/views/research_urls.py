"""Addresses of the research pages."""

from django.contrib.auth.views import LoginView
from django.urls import path

from studyapp.views import (
    research_board,
    research_classifiers,
    research_datasets,
    research_images,
    research_jobs,
    research_new_study,
    research_recruitment,
    research_review,
    research_studies,
    research_study_state,
)

urlpatterns = [
    path("", research_board.board, name="board"),
    path("login/", LoginView.as_view(template_name="research/login.html"), name="login"),
    path("studies/", research_studies.studies, name="studies"),
    path("studies/new/", research_new_study.new_study, name="study-new"),
    path("studies/<str:name>/", research_studies.study, name="study"),
    path("studies/<str:name>/protocol.toml", research_studies.protocol_file, name="study-protocol"),
    path("studies/<str:name>/participants/", research_studies.participants, name="study-participants"),
    path("studies/<str:name>/audit/", research_studies.audit, name="study-audit"),
    path("studies/<str:name>/open/", research_study_state.open_, name="study-open"),
    path("studies/<str:name>/pause/", research_study_state.pause, name="study-pause"),
    path("studies/<str:name>/resume/", research_study_state.resume, name="study-resume"),
    path("studies/<str:name>/close/", research_study_state.close, name="study-close"),
    path("studies/<str:name>/links/", research_recruitment.links, name="study-links"),
    path("studies/<str:name>/links/add/", research_recruitment.add_link, name="study-add-link"),
    path("studies/<str:name>/links/invite/", research_recruitment.add_invitations, name="study-invite"),
    path("studies/<str:name>/preview/", research_recruitment.preview, name="study-preview"),
    path("studies/<str:name>/stimuli/", research_review.stimuli, name="study-stimuli"),
    path("studies/<str:name>/stimuli/approve/", research_review.approve_rest, name="study-approve"),
    path("studies/<str:name>/stimuli/<str:key>/review/", research_review.review, name="study-review"),
    path("datasets/", research_datasets.datasets, name="datasets"),
    path("datasets/<str:name>/", research_datasets.dataset, name="dataset"),
    path("datasets/<str:name>/categories/", research_datasets.categories, name="dataset-categories"),
    path("datasets/<str:name>/skipped/", research_datasets.skipped, name="dataset-skipped"),
    path("images/<str:key>/", research_images.image, name="image"),
    path("images/<str:key>.png", research_images.picture, name="image-picture"),
    path("images/<str:key>/thumb", research_images.thumb, name="image-thumb"),
    path("classifiers/", research_classifiers.classifiers, name="classifiers"),
    path("classifiers/<str:name>/", research_classifiers.classifier, name="classifier"),
    path("jobs/", research_jobs.jobs, name="jobs"),
    path("jobs/<int:pk>/", research_jobs.job, name="job"),
    path("jobs/<int:pk>/retry/", research_jobs.retry, name="job-retry"),
    path("jobs/<int:pk>/cancel/", research_jobs.cancel, name="job-cancel"),
]
