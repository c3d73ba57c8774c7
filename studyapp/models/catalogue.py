"""What the researcher brings: class lists, datasets and their images."""

from __future__ import annotations

import secrets

from django.db import models


def public_key() -> str:
    """An unguessable name for an object that participants may come across.

    None begins with a hyphen: a shell would take it for an option, a spreadsheet for a formula.
    """
    key = secrets.token_urlsafe(16)
    return public_key() if key.startswith("-") else key


class ClassList(models.Model):
    """An ordered list of categories, shared by every dataset and classifier that uses the same one."""

    name = models.CharField(max_length=200)
    digest = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the categories' index, wnid and name."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """One class of a class list."""

    class_list = models.ForeignKey(ClassList, on_delete=models.CASCADE, related_name="categories")
    index = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    wnid = models.CharField(max_length=40, blank=True, help_text="WordNet id, where there is one.")
    synonyms = models.TextField(blank=True)
    gloss = models.TextField(blank=True)

    class Meta:
        ordering = ["class_list", "index"]
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(fields=["class_list", "index"], name="category_index_once"),
            models.UniqueConstraint(
                fields=["class_list", "wnid"], condition=~models.Q(wnid=""), name="category_wnid_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Dataset(models.Model):
    """A catalogue of labelled images."""

    class Layout(models.TextChoices):
        FOLDERS = "folders", "one folder per class"
        CSV = "csv", "labels in a CSV"
        IMAGENET = "imagenet", "ImageNet's flat validation folder"
        NAMES = "names", "published names without pixels"

    class Enlarge(models.TextChoices):
        SMOOTH = "smooth", "bicubic"
        NEAREST = "nearest", "whole pixels, no smoothing"

    name = models.SlugField(max_length=100, unique=True)
    layout = models.CharField(max_length=20, choices=Layout.choices)
    root = models.TextField(blank=True, help_text="Folder the image names are relative to.")
    copied = models.BooleanField(default=False, help_text="Images live in storage, not in the folder.")
    enlarge = models.CharField(
        max_length=10,
        choices=Enlarge.choices,
        default=Enlarge.SMOOTH,
        help_text="How pictures smaller than the display are enlarged.",
    )
    class_list = models.ForeignKey(ClassList, on_delete=models.PROTECT, related_name="datasets")
    licence = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Image(models.Model):
    """One labelled image: where it is, what the dataset says it shows."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="images")
    name = models.CharField(max_length=500, help_text="Path relative to the dataset's root.")
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, related_name="images", help_text="The dataset's label."
    )
    split = models.CharField(max_length=20, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Digest of the file's bytes.")
    remark = models.CharField(
        max_length=200, blank=True, help_text="What was done on reading, such as 'CMYK converted'."
    )
    source = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="derived",
        help_text="The image this one was made from, for stylised and attacked datasets.",
    )

    class Meta:
        ordering = ["dataset", "name"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="image_name_once"),
            models.UniqueConstraint(
                fields=["dataset", "sha256"], condition=~models.Q(sha256=""), name="image_content_once"
            ),
        ]
        indexes = [models.Index(fields=["dataset", "category"], name="image_by_category")]

    def __str__(self) -> str:
        return self.name


class SkippedFile(models.Model):
    """A file that an import did not take, and why."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="skipped_files")
    name = models.CharField(max_length=500)
    reason = models.CharField(max_length=500)
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["dataset", "name"]
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="skipped_file_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
