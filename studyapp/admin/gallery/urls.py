"""Addresses of the review gallery, below /admin/gallery/."""

from django.urls import path

from studyapp.admin.gallery import boards, decisions, files, pages

app_name = "gallery"

urlpatterns = [
    path("", pages.index, name="index"),
    path("pixels/<str:key>.png", files.explained_pixels, name="pixels"),
    path("boards/<int:pk>/", boards.finished, name="board-job"),
    path("boards/<int:pk>/file", boards.download, name="board-file"),
    path("<str:kind>/<str:name>/", pages.gallery_page, name="gallery"),
    path("<str:kind>/<str:name>/decide/", decisions.decide_image, name="decide"),
    path("<str:kind>/<str:name>/approve/", decisions.approve_many, name="approve"),
    path("<str:kind>/<str:name>/board/", boards.board, name="board"),
    path("<str:kind>/<str:name>/thumbnails/", files.make_thumbnails, name="thumbnails"),
]
