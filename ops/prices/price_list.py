"""Current prices of a region, from AWS's Price List Query API (`pricing:GetProducts`).

The API has endpoints in a few regions and prices of all. Alarms, dashboards, keys, secrets, web
ACLs, zones, IOPS, throughput and Extended Support stay those of the built-in table.

Source: AWS Billing User Guide, "Finding services and products using the Price List Query API".
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ops.core.aws import Aws
from ops.core.errors import OpsError
from ops.prices.price_table import DEFAULT_PRICE_TABLE, PriceTable

PRICE_LIST_API: Final = "pricing.get_products"
PRICE_LIST_REGION: Final = "us-east-1"  # one of the endpoints; all give the same answers
PRICE_LIST_SOURCE: Final = "AWS Price List, on demand"
PRICE_LIST_THREADS: Final = 8
HOUR_UNITS: Final = ("Hrs", "Hours", "hours")  # AWS services spell it differently


@dataclass(frozen=True)
class PriceListProduct:
    """A product to look up: service, required attributes, and the end of the usage type.

    Outside us-east-1, usage types begin with the region's short name.
    """

    service: str
    attributes: Mapping[str, str]
    usage_type: str = ""
    unit: str = "Hrs"


SINGLE_PRODUCTS: Final[Mapping[str, PriceListProduct]] = {
    "nat_gateway": PriceListProduct(
        "AmazonEC2", {"productFamily": "NAT Gateway"}, "NatGateway-Hours"
    ),
    "load_balancer": PriceListProduct(
        "AWSELB", {"productFamily": "Load Balancer-Application"}, "LoadBalancerUsage"
    ),
    "interface_endpoint": PriceListProduct(
        "AmazonVPC", {"productFamily": "VpcEndpoint"}, "VpcEndpoint-Hours"
    ),
    "public_ipv4": PriceListProduct("AmazonVPC", {}, "PublicIPv4:InUseAddress"),
    "rds_gp3_gb": PriceListProduct(
        "AmazonRDS",
        {
            "productFamily": "Database Storage",
            "volumeType": "General Purpose-GP3",
            "databaseEngine": "PostgreSQL",
            "deploymentOption": "Single-AZ",
        },
        "",
        "GB-Mo",
    ),
    "ebs_gp3_gb": PriceListProduct(
        "AmazonEC2", {"productFamily": "Storage", "volumeApiName": "gp3"}, "", "GB-Mo"
    ),
}
INSTANCE_ATTRIBUTES: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
DATABASE_ATTRIBUTES: Final = {"databaseEngine": "PostgreSQL", "deploymentOption": "Single-AZ"}
FARGATE_USAGE_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "ARM64": ("Fargate-ARM-vCPU-Hours:perCPU", "Fargate-ARM-GB-Hours"),
    "X86_64": ("Fargate-vCPU-Hours:perCPU", "Fargate-GB-Hours"),
}


def fetch_price_table(
    aws: Aws, region: str, classes: Mapping[str, set[str]], now: datetime
) -> PriceTable:
    """Fetches the prices of a region. A missing one comes from the built-in table, with a note.

    Raises OpsError if the Price List is denied or does not answer.
    """
    products: dict[tuple[str, str], PriceListProduct] = {
        (name, ""): product for name, product in SINGLE_PRODUCTS.items()
    }
    for name in classes.get("instances", ()):
        products["instances", name] = PriceListProduct(
            "AmazonEC2", {"instanceType": name, **INSTANCE_ATTRIBUTES}
        )
    for name in classes.get("databases", ()):
        products["databases", name] = PriceListProduct(
            "AmazonRDS", {"instanceType": name, **DATABASE_ATTRIBUTES}
        )
    for name in classes.get("caches", ()):
        products["caches", name] = PriceListProduct(
            "AmazonElastiCache", {"instanceType": name, "cacheEngine": "Redis"}
        )
    for name, (cpu, memory) in FARGATE_USAGE_TYPES.items():
        products["vcpu", name] = PriceListProduct("AmazonECS", {}, cpu)
        products["gb", name] = PriceListProduct("AmazonECS", {}, memory)
    with ThreadPoolExecutor(PRICE_LIST_THREADS) as pool:
        price_results = pool.map(
            lambda product: _fetch_unit_price(aws, region, product), products.values()
        )
        unit_prices = dict(zip(products, price_results, strict=True))
    return _build_price_table(unit_prices, region, now)


def _build_price_table(
    unit_prices: Mapping[tuple[str, str], float | None], region: str, now: datetime
) -> PriceTable:
    known_prices = {key: value for key, value in unit_prices.items() if value is not None}
    missing = sorted(
        " ".join(filter(None, key)) for key in unit_prices.keys() - known_prices.keys()
    )
    single_prices = {
        name: known_prices[name, ""] for name in SINGLE_PRODUCTS if (name, "") in known_prices
    }

    def merge_prices(table_name: str, default_prices: Mapping[str, float]) -> dict[str, float]:
        return {
            **default_prices,
            **{name: value for (kind, name), value in known_prices.items() if kind == table_name},
        }

    fargate = {
        name: (known_prices.get(("vcpu", name), cpu), known_prices.get(("gb", name), gb))
        for name, (cpu, gb) in DEFAULT_PRICE_TABLE.fargate.items()
    }
    notes = (
        "alarms, dashboards, keys, secrets, web ACLs, zones, IOPS, throughput and Extended "
        "Support: from the built-in table of "
        f"{DEFAULT_PRICE_TABLE.taken}",
        *(
            (f"from the built-in table, as {region} has no price: {', '.join(missing)}",)
            if missing
            else ()
        ),
    )
    return replace(
        DEFAULT_PRICE_TABLE,
        region=region,
        taken=f"{now:%Y-%m-%d}",
        source=PRICE_LIST_SOURCE,
        notes=notes,
        instances=merge_prices("instances", DEFAULT_PRICE_TABLE.instances),
        databases=merge_prices("databases", DEFAULT_PRICE_TABLE.databases),
        caches=merge_prices("caches", DEFAULT_PRICE_TABLE.caches),
        fargate=fargate,
        ebs_gb=DEFAULT_PRICE_TABLE.ebs_gb,
        s3_gb=DEFAULT_PRICE_TABLE.s3_gb,
        **single_prices,
    )


def _fetch_unit_price(aws: Aws, region: str, product: PriceListProduct) -> float | None:
    """Returns $ per unit, or None unless the product has exactly one price."""
    attributes = {"regionCode": region, **product.attributes}
    filters = [
        {"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in attributes.items()
    ]
    params: Any = {"ServiceCode": product.service, "Filters": filters}
    try:
        listed_products = [
            json.loads(text)
            for text in aws.list_items(PRICE_LIST_API, "PriceList", params, PRICE_LIST_REGION)
        ]
    except ValueError as error:
        raise OpsError(f"AWS's Price List did not return prices: {error}") from None
    prices = {
        price
        for listed_product in listed_products
        for price in _list_unit_prices(listed_product, product)
    }
    return prices.pop() if len(prices) == 1 else None


def _list_unit_prices(
    listed_product: Mapping[str, Any], product: PriceListProduct
) -> Iterator[float]:
    """Yields the on-demand prices of a listed product if it matches, without free tiers."""
    attributes = (listed_product.get("product") or {}).get("attributes") or {}
    usage_type = str(attributes.get("usagetype", ""))
    if (
        product.usage_type
        and usage_type != product.usage_type
        and not usage_type.endswith(f"-{product.usage_type}")
    ):
        return
    for term in ((listed_product.get("terms") or {}).get("OnDemand") or {}).values():
        for dimension in (term.get("priceDimensions") or {}).values():
            price = float((dimension.get("pricePerUnit") or {}).get("USD", 0))
            unit = str(dimension.get("unit"))
            if ("Hrs" if unit in HOUR_UNITS else unit) == product.unit and price > 0:
                yield price
