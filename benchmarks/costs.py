"""The cost estimate of docs/reference/costs.md: hosts, hours and money for 10^15 bytes in 10^9 objects.

    python benchmarks/costs.py [NAME=VALUE ...]

Every input is an entry of :data:`ASSUMPTIONS`; pass other values to estimate with your own.
"""

import sys
from typing import NamedTuple

SECONDS = 3600.0
"""Per hour."""


class Assumption(NamedTuple):
    """An input of the estimate."""

    value: float
    unit: str
    origin: str


ASSUMPTIONS = {
    "objects": Assumption(1e9, "", "given"),
    "bytes": Assumption(1e15, "B", "given: 1 MB per object"),
    "images": Assumption(0.5, "of the objects", "assumed; decides the processor time"),
    "cpu_object_ms": Assumption(0.62, "ms", "measured: request, digest and record of 16 KiB (performance.md)"),
    "cpu_mb_ms": Assumption(0.8, "ms/MB", "measured: sha256 of large files (performance.md)"),
    "cpu_tls_mb_ms": Assumption(1.0, "ms/MB", "assumed: TLS and HTTP of a MB in Python"),
    "cpu_image_ms": Assumption(8.6, "ms", "measured: 2 MP, PDQ, all orientations, a list of 10 M (performance.md)"),
    "host_processors": Assumption(16, "", "a general-purpose cloud host"),
    "host_mb_s": Assumption(600, "MB/s", "assumed: sustained by such a host, of nominally 12.5 Gbit/s"),
    "hosts": Assumption(20, "", "chosen"),
    "page_ms": Assumption(150, "ms", "assumed: one page of 1,000 keys, pages in sequence"),
    "task_mb": Assumption(32, "MB", "one Dask task carries four batches of 8 MiB"),
    "tasks_s": Assumption(300, "1/s", "assumed, conservative: tasks with answers through one Dask scheduler"),
    "host_usd_h": Assumption(0.70, "USD/h", "on-demand price, November 2026, to be checked"),
    "get_usd_1000": Assumption(0.0004, "USD", "price of 1,000 GET, as above"),
    "list_usd_1000": Assumption(0.005, "USD", "price of 1,000 LIST, as above"),
    "inventory_usd_million": Assumption(0.0025, "USD", "price of an inventory of a million objects, as above"),
    "region_usd_gb": Assumption(0.02, "USD/GB", "price of traffic to another region, as above"),
    "nat_usd_gb": Assumption(0.045, "USD/GB", "price of traffic through a NAT gateway, as above"),
    "internet_usd_gb": Assumption(0.05, "USD/GB", "price of traffic to the internet, as above"),
}


def main() -> None:
    """Prints the inputs and the results."""
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    unknown = given.keys() - ASSUMPTIONS.keys()
    if unknown:
        sys.exit(f"no such assumption: {', '.join(sorted(unknown))}")
    values = {name: float(given.get(name, found.value)) for name, found in ASSUMPTIONS.items()}
    print("| input | value | source |\n|---|---:|---|")
    for name, found in ASSUMPTIONS.items():
        print(f"| `{name}` | {values[name]:,.6g} {found.unit}".rstrip() + f" | {found.origin} |")
    print("\n| result | | formula |\n|---|---:|---|")
    for what, value, how in results_of(values):
        print(f"| {what} | {value} | {how} |")


def results_of(a: dict[str, float]) -> list[tuple[str, str, str]]:
    """Computes the results: name, value, formula."""
    megabytes, gigabytes = a["bytes"] / 1e6, a["bytes"] / 1e9
    plain_h = (a["objects"] * a["cpu_object_ms"] + megabytes * (a["cpu_mb_ms"] + a["cpu_tls_mb_ms"])) / 1000 / SECONDS
    images_h = a["objects"] * a["images"] * a["cpu_image_ms"] / 1000 / SECONDS
    network_h = megabytes / a["host_mb_s"] / SECONDS
    processor_h = (plain_h + images_h) / a["host_processors"]
    host_h = max(network_h, processor_h)
    pages = a["objects"] / 1000
    return [
        ("processor hours, digests", f"{plain_h:,.0f}", "objects x cpu_object + MB x (cpu_mb + cpu_tls_mb)"),
        ("processor hours, images", f"{images_h:,.0f}", "objects x images x cpu_image"),
        ("host hours by processors", f"{processor_h:,.0f}", "both / host_processors"),
        ("host hours by network", f"{network_h:,.0f}", "MB / host_mb_s"),
        ("**hours on all hosts**", f"**{host_h / a['hosts']:,.1f}**", "the larger / hosts"),
        ("**hosts, USD**", f"**{host_h * a['host_usd_h']:,.0f}**", "the larger x host_usd_h"),
        ("requests for content, USD", f"{a['objects'] / 1000 * a['get_usd_1000']:,.0f}", "one per object"),
        ("listing once, USD", f"{pages / 1000 * a['list_usd_1000']:,.1f}", "one per 1,000 keys"),
        (
            "listing once, hours",
            f"{pages * a['page_ms'] / 1000 / SECONDS:,.0f}",
            "pages x page_ms, in sequence",
        ),
        ("inventory, USD", f"{a['objects'] / 1e6 * a['inventory_usd_million']:,.1f}", "objects x inventory_usd"),
        ("traffic in the region, USD", "0", "through the store's gateway endpoint"),
        ("through a NAT gateway, USD", f"{gigabytes * a['nat_usd_gb']:,.0f}", "GB x nat_usd_gb"),
        ("to another region, USD", f"{gigabytes * a['region_usd_gb']:,.0f}", "GB x region_usd_gb"),
        ("to the internet, USD", f"{gigabytes * a['internet_usd_gb']:,.0f}", "GB x internet_usd_gb"),
        (
            "one Dask scheduler, hours",
            f"{megabytes / a['task_mb'] / a['tasks_s'] / SECONDS:,.0f}",
            "MB / task_mb / tasks_s",
        ),
    ]


if __name__ == "__main__":
    main()
