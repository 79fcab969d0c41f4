"""The matcher on certificates that `SMIMECheckSignature` notes."""

from compostela.base.errors import InvalidArgument
from compostela.core.mail.model import Mail
from compostela.processing.mailet import Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher


class IsX509CertificateSubject(ConditionMatcher[tuple[str, str]]):
    """`attribute;text`: the subject of a certificate in this attribute (DER, one or a list) contains the text."""

    def parse(self, condition: str) -> tuple[str, str]:
        name, separator, text = condition.partition(";")
        if not separator or not name.strip() or not text.strip():
            raise InvalidArgument(f"{condition!r} is not 'attribute;text'")
        return name.strip(), text.strip()

    async def match(self, mail: Mail) -> Recipients:
        name, text = self.wanted
        value = mail.attributes.get(name)
        certificates = value if isinstance(value, list) else [value]
        subjects = (_subject(one) for one in certificates if isinstance(one, bytes))
        return whole(mail, any(text in subject for subject in subjects))


def _subject(der: bytes) -> str:
    from cryptography import x509  # loaded when the first certificate is looked at

    try:
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except ValueError:
        return ""
