"""Posts reports over HTTPS."""

from compostela.base.http_client import HttpClient, HttpFailure
from compostela.core.outbound.tls_report_task import ReportNotPosted

POST_SECONDS = 30.0


class HttpsReports:
    """See `compostela.core.outbound.tls_report_task.ReportPoster`. The answer's body is not read."""

    async def post(self, url: str, media_type: str, octets: bytes) -> None:
        try:
            async with HttpClient(POST_SECONDS) as client:
                answer = await client.post(url, octets, {"Content-Type": media_type})
        except HttpFailure as error:
            raise ReportNotPosted(f"{url} does not take the report: {error}") from error
        if not 200 <= answer.status < 300:
            raise ReportNotPosted(f"{url} answers {answer.status}")
