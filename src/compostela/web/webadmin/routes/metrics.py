"""/metrics: Prometheus text, public."""

import re
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as MetricFamily
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.metrics import Counter, Histogram, Metric, all_metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_]")


class MetricsRoutes:
    def routes(self) -> list[Route]:
        return [Route("/metrics", _show, methods=["GET"])]


class _OurMetrics:
    """Shows `compostela.base.metrics` to the Prometheus library."""

    def collect(self) -> Iterator[MetricFamily]:
        for metric in all_metrics():
            yield _family(metric)


_registry = CollectorRegistry(auto_describe=False)
_registry.register(_OurMetrics())


def _family(metric: Metric) -> MetricFamily:
    name = _NOT_ALLOWED.sub("_", metric.name)
    if isinstance(metric, Counter):
        return CounterMetricFamily(name, metric.help, value=metric.value)
    if isinstance(metric, Histogram):
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, metric.bounds), "+Inf"), metric.counts, strict=True):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(f"{name}_seconds", metric.help, buckets=buckets, sum_value=metric.total)
    return GaugeMetricFamily(name, metric.help, value=metric.current())


async def _show(request: Request) -> Response:
    """All metrics, or those named by `name[]`."""
    wanted = request.query_params.getlist("name[]")
    registry = _registry.restricted_registry(wanted) if wanted else _registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE)
