"""/metrics: Prometheus text, public."""

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as MetricFamily
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.metrics import BUCKETS, Shown, added, snapshot
from compostela.base.siblings import METRICS, Siblings

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_]")


class MetricsRoutes:
    """Of all processes of the server together."""

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings

    def routes(self) -> list[Route]:
        return [Route("/metrics", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """All metrics, or those named by `name[]`."""
        answers = await self._siblings.ask(METRICS)
        others = [msgspec.convert(answer, list[Shown]) for answer in answers if answer is not None]
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(added(snapshot(), *others)))
        wanted = request.query_params.getlist("name[]")
        found = registry.restricted_registry(wanted) if wanted else registry
        return Response(generate_latest(found), media_type=CONTENT_TYPE)


class _Collected:
    """Shows metrics of ours to the Prometheus library."""

    def __init__(self, metrics: Iterable[Shown]) -> None:
        self._families = [_family(metric) for metric in metrics]

    def collect(self) -> Iterator[MetricFamily]:
        yield from self._families


def _family(metric: Shown) -> MetricFamily:
    name = _NOT_ALLOWED.sub("_", metric.name)
    if metric.kind == "counter":
        return CounterMetricFamily(name, metric.help, value=metric.numbers[0])
    if metric.kind == "histogram":
        *counts, total = metric.numbers
        buckets = list(zip((*map(str, BUCKETS), "+Inf"), accumulate(counts), strict=True))
        return HistogramMetricFamily(f"{name}_seconds", metric.help, buckets=buckets, sum_value=total)
    return GaugeMetricFamily(name, metric.help, value=metric.numbers[0])
