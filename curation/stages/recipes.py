"""recipes: lists the files to start from."""

from __future__ import annotations

from curation.recipes import load_recipes
from curation.report import Report


class RecipesReport(Report):
    """What each recipe builds, by its name."""

    recipes: dict[str, str]

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each recipe."""
        width = max(map(len, self.recipes))
        return (
            *(f"{name:<{width}}  {summary}" for name, summary in self.recipes.items()),
            "`curation init RECIPE` writes a file to start from.",
        )


def recipes() -> RecipesReport:
    """Return what each recipe builds."""
    return RecipesReport(recipes={recipe.name: recipe.summary for recipe in load_recipes().values()})
