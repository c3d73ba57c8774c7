"""Users and groups, in the admin's own clothes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

if TYPE_CHECKING:
    Accounts = UserAdmin[User]
    Groups = GroupAdmin
else:

    class Accounts(UserAdmin, ModelAdmin):
        """Django's user admin, themed."""

    class Groups(GroupAdmin, ModelAdmin):
        """Django's group admin, themed."""


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class ResearcherAdmin(Accounts):
    """Who may log in; staff are researchers."""

    form: Any = UserChangeForm
    add_form: Any = UserCreationForm
    change_password_form: Any = AdminPasswordChangeForm


@admin.register(Group)
class ResearcherGroupAdmin(Groups):
    """Sets of permissions."""
