"""Opens the store, the published dataset and the Argilla dataset of a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curation.config import Config, Services
from curation.hub import connect
from curation.review.datasets import ReviewDatasets
from curation.store import PublishedDataset, Snapshot, Store

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview


def needs_review(config: Config, services: Services) -> bool:
    """Return whether people come next: False if something else may decide and no Argilla is named."""
    return services.argilla_api_url is not None or not config.labels.decides_without_people


def open_store(config: Config, services: Services) -> Store:
    """Return the store of the config. Nothing is read yet."""
    api = connect(services.hub_endpoint, services.hub_token)
    return Store(api, config.store.repo_id, name=config.name, min_candidates=config.review.min_candidates)


def open_published(config: Config, services: Services) -> PublishedDataset:
    """Return the published dataset of the config. Nothing is read yet."""
    return PublishedDataset(
        connect(services.hub_endpoint, services.hub_token), config.publish.repo_id, name=config.name
    )


def review_datasets(config: Config, review: ArgillaReview, snapshot: Snapshot) -> ReviewDatasets:
    """Return the dataset of the config together with that of the adjudicators, if anything was escalated."""
    of_task = {row.id for row in snapshot.escalated.values() if row.task == config.review.task}
    return ReviewDatasets(
        task=config.review,
        review=review,
        adjudication=review.beside(config.adjudication_dataset) if of_task else None,
        answered=not of_task.isdisjoint(snapshot.adjudicated),
    )


def open_review(config: Config, services: Services) -> ArgillaReview:
    """Return the Argilla dataset of the config, connected to its server."""
    from curation.review.argilla import ArgillaReview

    return ArgillaReview(
        api_url=services.argilla_api_url,
        api_key=services.argilla_api_key,
        workspace=config.review.workspace,
        dataset=config.review_dataset,
    )
