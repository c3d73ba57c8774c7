"""`demo`: embedded data, two classifiers with real mistakes, an answered and an open study."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings

from studyapp.management.demo.account import demo_login
from studyapp.management.demo.build import build
from studyapp.management.demo.recipes import embedded_recipe, folder_recipe
from studyapp.management.research_command import ResearchCommand


class Command(ResearchCommand):
    """Builds the demo against a running server (`make demo` starts one); safe to repeat."""

    help = "Build the demo: data, predictions, studies, rehearsal answers. Needs a running server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the pictures come from."""
        super().add_arguments(parser)
        parser.add_argument("--data", default="", help="Folder of labelled images to build it from.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Build it, then say where everything is."""
        var = Path(settings.VAR)
        data: str = options["data"]
        recipe = folder_recipe(Path(data)) if data else embedded_recipe(var)
        say = self.stderr.write if options["json"] else self.stdout.write
        built = build(recipe, server=settings.BASE_URL, say=lambda text: say(f"- {text}"))
        login = demo_login(var)
        base = settings.BASE_URL
        first, *others = (f"{base}/studies/{study.name}/results/?mode=rehearsal" for study in built.answered)
        lines = ["", "Second Look is ready.", f"  Board        {base}/", f"  Results      {first}"]
        lines += [f"               {address}" for address in others]
        for place, each in enumerate(built.open):
            lines.append(
                f"  {'' if place else 'Participant':<12} {each.participant_url}   {each.study.title}"
            )
        lines += [
            f"  Gallery      {base}/admin/gallery/",
            f"  Admin        {base}/admin/   {login.username} / {login.password}   (also in {login.kept_in})",
        ]
        self.say(
            options,
            "\n".join(lines),
            {
                "board": f"{base}/",
                "participant": built.open[0].participant_url,
                "results": first,
                "participants": {each.study.name: each.participant_url for each in built.open},
                "all_results": [first, *others],
                "username": login.username,
                "login_file": str(login.kept_in),
            },
        )
