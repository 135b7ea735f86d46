"""Pairs of regions between which RDS replicates automated backups."""

import pytest

from components.facts.backup_regions import BACKUP_DESTINATIONS, replicates_backups_between
from components.settings.zones import validate_region


@pytest.mark.parametrize("source", BACKUP_DESTINATIONS)
def test_each_destination_is_another_region_and_named_once(source: str) -> None:
    destinations = BACKUP_DESTINATIONS[source]
    assert list(destinations) == sorted({*destinations} - {source})
    assert all(validate_region(region) == region for region in (source, *destinations))


@pytest.mark.parametrize("source", BACKUP_DESTINATIONS)
def test_backup_replication_is_possible_in_both_directions(source: str) -> None:
    """In the documented table, so that a stack that was rebuilt there has the same protection."""
    for destination in BACKUP_DESTINATIONS[source]:
        assert replicates_backups_between(destination, source), destination


@pytest.mark.parametrize(
    ("source", "destination"),
    [("eu-north-1", "eu-south-1"), ("ap-northeast-3", "us-east-1"), ("af-south-1", "eu-west-1")],
)
def test_other_pairs_are_not_replicated(source: str, destination: str) -> None:
    assert not replicates_backups_between(source, destination)
