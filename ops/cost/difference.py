"""What a month costs more or less after a change, in words, from the built-in price table."""

from ops.cost.prices import DEFAULT_PRICE_TABLE, HOURS


def describe_class_cost(before: str, after: str, *, multi_az: bool) -> str:
    """The difference between two instance classes; empty if a price is not in the table."""
    prices = DEFAULT_PRICE_TABLE.databases
    if before not in prices or after not in prices:
        return ""
    copies = 2 if multi_az else 1
    return describe_difference((prices[after] - prices[before]) * HOURS * copies)


def describe_storage_cost(before_gib: int, after_gib: int, *, multi_az: bool) -> str:
    """The difference between two sizes of gp3 storage."""
    copies = 2 if multi_az else 1
    return describe_difference((after_gib - before_gib) * DEFAULT_PRICE_TABLE.rds_gp3_gb * copies)


def describe_difference(dollars: float) -> str:
    """An amount a month, with where the price is from."""
    more = "more" if dollars >= 0 else "less"
    table = DEFAULT_PRICE_TABLE
    return f"about {abs(dollars):.0f} $ a month {more} ({table.region}'s list price, {table.taken})"
