"""Posts reports over HTTPS."""

import asyncio

from compostela.core.outbound.tls_report_task import ReportNotPosted

POST_SECONDS = 30.0
MAX_LINE_BYTES = 8 * 1024
"""Of the answer's status line and of each of its header fields."""


class HttpsReports:
    """See `compostela.core.outbound.tls_report_task.ReportPoster`. The answer's body is not read."""

    async def post(self, url: str, media_type: str, octets: bytes) -> None:
        import aiohttp

        try:
            async with (
                asyncio.timeout(POST_SECONDS),
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=None),
                    max_line_size=MAX_LINE_BYTES,
                    max_field_size=MAX_LINE_BYTES,
                ) as session,
                session.post(url, data=octets, headers={"Content-Type": media_type}, allow_redirects=False) as response,
            ):
                if not 200 <= response.status < 300:
                    raise ReportNotPosted(f"{url} answers {response.status}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ReportNotPosted(f"{url} does not take the report: {error or type(error).__name__}") from error
