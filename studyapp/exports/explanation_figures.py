"""The figures of explanations: how well a run's surrogates fit, and the curve of one explanation path."""

from __future__ import annotations

from studyapp.exports.figures import Bar, BarGroups, Figure, Group, Line, Lines
from studyapp.models import Explanation
from studyapp.services.explanations.summaries import RunSummary

FIT, PATH = "fit", "explanation_path"


def fit_figure(summary: RunSummary) -> Figure | None:
    """The histogram of the fit; None where the method has none or nothing is explained yet."""
    if summary.fit is None:
        return None
    total, run = sum(summary.histogram), summary.run
    width = 1 / len(summary.histogram)
    return Figure(
        FIT,
        "Fit of the explanations",
        f"Share of {total:,} explanations by the weighted R² of their linear model; what fits worse than a "
        f"constant counts in the first bin. {run.method} of {run.classifier.name} on {run.dataset.name}, "
        f"{run.version} pictures, n = {run.parameters.get('samples')}.",
        BarGroups(
            series=("explanations",),
            groups=tuple(
                Group(f"{place * width:.1f}–{(place + 1) * width:.1f}", (Bar(count / total),))
                for place, count in enumerate(summary.histogram)
            ),
            x_label="weighted R²",
            y_label="explanations (%)",
        ),
        alternative=f"Histogram of the fit of {total:,} explanations, median {summary.fit.median:.2f}.",
    )


def path_figure(explanation: Explanation) -> Figure | None:
    """Probability of the class by superpixels shown (Fig. 10b); None where there is no path."""
    if not explanation.path or explanation.category is None or explanation.path_area is None:
        return None
    name = explanation.category.name
    return Figure(
        PATH,
        "Explanation path",
        f"Probability of {name} with the k heaviest superpixels shown and the rest hidden; area "
        f"{explanation.path_area:.3f}, dashed the whole picture's. {explanation.image.name}.",
        Lines(
            lines=(
                Line(
                    f"p({name})",
                    tuple((place, Bar(value)) for place, value in enumerate(explanation.path, 1)),
                ),
            ),
            x_label="superpixels shown",
            y_label="probability (%)",
            null=explanation.probability,
            null_label="whole picture",
        ),
        alternative=f"Line of the probability of {name} over 1 to {len(explanation.path)} superpixels, from "
        f"{explanation.path[0]:.3f} to {explanation.path[-1]:.3f}.",
    )
