"""The server's own name, and domains that other servers cannot look up."""

from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject, is_public_name

_WHY_NAME = "Other servers look the name of EHLO up and refuse mail from one that they cannot find."


async def check_names(subject: Subject) -> list[Finding]:
    found = [Finding(Severity.WARNING, "configuration", complaint) for complaint in subject.complaints]
    found += [Finding(Severity.INFO, "configuration", remark) for remark in subject.remarks]
    if is_public_name(subject.host):
        found.append(Finding(Severity.OK, subject.host, f"The server calls itself {subject.host}."))
    else:
        found.append(
            Finding(
                Severity.ERROR,
                subject.host,
                f"The server calls itself {subject.host!r}, which is no full host name.",
                _WHY_NAME,
                '<helloName autodetect="false">mail.example.org</helloName> in smtpserver.xml, with the name that it has in DNS',
            )
        )
    found += [
        Finding(
            Severity.INFO,
            domain,
            f"{domain} is managed, but no other server can look it up; it is not examined.",
            fix="<defaultDomain> in domainlist.xml, or 'compostela domain remove'",
        )
        for domain in subject.domains
        if not is_public_name(domain)
    ]
    return found
