"""`demo`: embedded data, two classifiers with real mistakes, an answered and an open study."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from studyapp.management.demo.account import demo_login
from studyapp.management.demo.build import build
from studyapp.management.demo.recipes import embedded_recipe, folder_recipe


class Command(BaseCommand):
    """Builds the demo against a running server (`make demo` starts one); safe to repeat."""

    help = "Build the demo: data, predictions, studies, rehearsal answers. Needs a running server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", default="", help="Folder of labelled images to build it from.")
        parser.add_argument("--json", action="store_true", help="Print the addresses as JSON.")

    def handle(self, *_: Any, **options: Any) -> None:
        var = Path(settings.VAR)
        data: str = options["data"]
        recipe = folder_recipe(Path(data)) if data else embedded_recipe(var)
        say = self.stderr.write if options["json"] else self.stdout.write
        built = build(recipe, server=settings.BASE_URL, say=lambda text: say(f"- {text}"))
        login = demo_login(var)
        board = f"{settings.BASE_URL}/"
        results = f"{settings.BASE_URL}/studies/{built.rehearsed.name}/results/?mode=rehearsal"
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "board": board,
                        "participant": built.participant_url,
                        "results": results,
                        "username": login.username,
                        "login_file": str(login.kept_in),
                    }
                )
            )
            return
        self.stdout.write(
            f"\nSecond Look is ready.\n"
            f"  Board        {board}\n"
            f"  Results      {results}\n"
            f"  Participant  {built.participant_url}\n"
            f"  Admin        {settings.BASE_URL}/admin/   {login.username} / {login.password}"
            f"   (also in {login.kept_in})"
        )
