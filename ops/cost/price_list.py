"""What AWS's Price List says by now, in the region of a stack, beside the dated table.

Asked of the Price List Query API (`pricing:GetProducts`), which is in a few regions and tells of
all. Figures that it has no plain product for (alarms, dashboards, keys, secrets, web ACLs, zones),
which are the same or nearly so in all regions, stay those of the table.

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
from ops.cost.prices import TABLE, Prices

API: Final = "pricing.get_products"
WHERE: Final = "us-east-1"  # an endpoint of the Price List; the others tell the same
SOURCE: Final = "AWS Price List, on demand"
AT_ONCE: Final = 8
HOURS: Final = ("Hrs", "Hours", "hours")  # as different services spell it


@dataclass(frozen=True)
class Product:
    """What is asked for: a service, attributes that must be so, and the end of the usage type.

    In all regions but us-east-1 a usage type begins with the region's short name.
    """

    service: str
    attributes: Mapping[str, str]
    usage: str = ""
    unit: str = "Hrs"


ONE: Final[Mapping[str, Product]] = {
    "nat_gateway": Product("AmazonEC2", {"productFamily": "NAT Gateway"}, "NatGateway-Hours"),
    "load_balancer": Product(
        "AWSELB", {"productFamily": "Load Balancer-Application"}, "LoadBalancerUsage"
    ),
    "interface_endpoint": Product(
        "AmazonVPC", {"productFamily": "VpcEndpoint"}, "VpcEndpoint-Hours"
    ),
    "public_ipv4": Product("AmazonVPC", {}, "PublicIPv4:InUseAddress"),
    "rds_gp3_gb": Product(
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
    "ebs_gp3_gb": Product(
        "AmazonEC2", {"productFamily": "Storage", "volumeApiName": "gp3"}, "", "GB-Mo"
    ),
}
INSTANCE: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
DATABASE: Final = {"databaseEngine": "PostgreSQL", "deploymentOption": "Single-AZ"}
FARGATE: Final[Mapping[str, tuple[str, str]]] = {
    "ARM64": ("Fargate-ARM-vCPU-Hours:perCPU", "Fargate-ARM-GB-Hours"),
    "X86_64": ("Fargate-vCPU-Hours:perCPU", "Fargate-GB-Hours"),
}


def read(aws: Aws, region: str, classes: Mapping[str, set[str]], now: datetime) -> Prices:
    """The prices of a region; what AWS does not name is the table's, and noted.

    Raises OpsError where the Price List may not be asked, or does not answer.
    """
    asked: dict[tuple[str, str], Product] = {(name, ""): one for name, one in ONE.items()}
    for name in classes.get("instances", ()):
        asked["instances", name] = Product("AmazonEC2", {"instanceType": name, **INSTANCE})
    for name in classes.get("databases", ()):
        asked["databases", name] = Product("AmazonRDS", {"instanceType": name, **DATABASE})
    for name in classes.get("caches", ()):
        asked["caches", name] = Product(
            "AmazonElastiCache", {"instanceType": name, "cacheEngine": "Redis"}
        )
    for name, (cpu, memory) in FARGATE.items():
        asked["vcpu", name] = Product("AmazonECS", {}, cpu)
        asked["gb", name] = Product("AmazonECS", {}, memory)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda one: _price(aws, region, one), asked.values())
        found = dict(zip(asked, answers, strict=True))
    return _put(found, region, now)


def _put(found: Mapping[tuple[str, str], float | None], region: str, now: datetime) -> Prices:
    known = {key: value for key, value in found.items() if value is not None}
    missing = sorted(" ".join(filter(None, key)) for key in found.keys() - known.keys())
    plain = {name: known[name, ""] for name in ONE if (name, "") in known}

    def table(of: str, old: Mapping[str, float]) -> dict[str, float]:
        return {**old, **{name: value for (kind, name), value in known.items() if kind == of}}

    fargate = {
        name: (known.get(("vcpu", name), cpu), known.get(("gb", name), gb))
        for name, (cpu, gb) in TABLE.fargate.items()
    }
    notes = (
        f"alarms, dashboards, keys, secrets, web ACLs and zones are of the table of {TABLE.taken}",
        *(
            (f"not in the Price List of {region}, and of the table: {', '.join(missing)}",)
            if missing
            else ()
        ),
    )
    return replace(
        TABLE,
        region=region,
        taken=f"{now:%Y-%m-%d}",
        source=SOURCE,
        notes=notes,
        instances=table("instances", TABLE.instances),
        databases=table("databases", TABLE.databases),
        caches=table("caches", TABLE.caches),
        fargate=fargate,
        **plain,
    )


def _price(aws: Aws, region: str, of: Product) -> float | None:
    """$ a unit; None where there is no such product, or more than one price of it."""
    wanted = {"regionCode": region, **of.attributes}
    filters = [
        {"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()
    ]
    params: Any = {"ServiceCode": of.service, "Filters": filters}
    try:
        listed = [json.loads(text) for text in aws.pages(API, "PriceList", params, WHERE)]
    except ValueError as error:
        raise OpsError(f"the Price List did not answer with prices: {error}") from None
    prices = {price for one in listed for price in _of(one, of)}
    return prices.pop() if len(prices) == 1 else None


def _of(listed: Mapping[str, Any], of: Product) -> Iterator[float]:
    """The prices on demand of one product, where it is what was asked for; free tiers are none."""
    attributes = (listed.get("product") or {}).get("attributes") or {}
    usage = str(attributes.get("usagetype", ""))
    if of.usage and usage != of.usage and not usage.endswith(f"-{of.usage}"):
        return
    for term in ((listed.get("terms") or {}).get("OnDemand") or {}).values():
        for dimension in (term.get("priceDimensions") or {}).values():
            price = float((dimension.get("pricePerUnit") or {}).get("USD", 0))
            unit = str(dimension.get("unit"))
            if ("Hrs" if unit in HOURS else unit) == of.unit and price > 0:
                yield price
