"""The components whose log levels an operator may set, with the loggers of each."""

LOG_COMPONENTS: dict[str, tuple[str, ...]] = {
    "smtp": ("compostela.net.smtp", "compostela.smtp_hooks"),
    "lmtp": ("compostela.net.lmtp",),
    "imap": ("compostela.net.imap",),
    "pop3": ("compostela.net.pop3",),
    "managesieve": ("compostela.net.managesieve",),
    "logins": ("compostela.net.authentication", "compostela.core.authentication"),
    "tls": ("compostela.net.tls",),
    "dns": ("compostela.adapters.dns",),
    "processing": ("compostela.processing",),
    "delivery": ("compostela.processing.remote_delivery", "compostela.net.outbound"),
    "listeners": ("compostela.core.events",),
    "tasks": ("compostela.core.tasks",),
    "store": ("compostela.adapters.embedded",),
    "webadmin": ("compostela.web",),
}
"""`processing` includes `delivery` as long as that has no level of its own."""
