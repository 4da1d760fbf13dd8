"""To whom something is told, and telling it: by e-mail, and as JSON to webhooks."""

from __future__ import annotations

from email.utils import formataddr, parseaddr
from typing import Any, Literal, TypedDict

from django.conf import settings as django_settings
from django.core.mail import EmailMessage
from django.db import connections
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.models import Alert
from scheduled_jobs.services.alerts.http import NotSent, host_shown, post

SENDER = "Scheduled jobs"
MAX_ERROR = 200


class Channel(TypedDict):
    """One that a message goes to, and how far it is: kept with the message."""

    channel: Literal["email", "webhook"]
    to: list[str]
    """The addresses of an e-mail; of a webhook the host alone."""
    key: str
    """Which of the webhooks it is, told by nothing of its address."""
    tries: int
    at: str | None
    sent_at: str | None
    error: str


def configured() -> list[Channel]:
    """All that the settings name."""
    found = [_channel("email", list(settings.ALERT_RECIPIENTS))] if settings.ALERT_RECIPIENTS else []
    hooks = dict.fromkeys(settings.ALERT_WEBHOOKS)
    return [*found, *(_channel("webhook", [host_shown(hook)], _key(hook)) for hook in hooks)]


def _channel(channel: Literal["email", "webhook"], to: list[str], key: str = "") -> Channel:
    return {"channel": channel, "to": to, "key": key, "tries": 0, "at": None, "sent_at": None, "error": ""}


def _key(address: str) -> str:
    return salted_hmac(__name__, address, algorithm="sha256").hexdigest()[:20]


def tell(alert: Alert, channel: Channel) -> None:
    """Tell it there. Raises NotSent with a reason that anybody may read."""
    try:
        if channel["channel"] == "email":
            _mail(alert, channel)
        else:
            _call(alert, channel["key"])
    except NotSent:
        raise
    except Exception as error:  # noqa: BLE001 – a mail backend raises what it likes, and may quote what it likes
        raise NotSent(f"it could not be sent: {type(error).__name__}") from None
    finally:
        # A mail backend may keep its mails in a database, and this is a thread of its own.
        connections.close_all()


def _mail(alert: Alert, channel: Channel) -> None:
    # Whom the settings name by now: an address that was wrong may have been mended since.
    if not (recipients := list(settings.ALERT_RECIPIENTS)):
        raise NotSent(f"nobody is in {PREFIX}ALERT_RECIPIENTS any more")
    channel["to"] = recipients
    EmailMessage(
        alert.subject, alert.text, _sender(), recipients, headers={"Auto-Submitted": "auto-generated"}
    ).send()


def _sender() -> str:
    name, address = parseaddr(django_settings.DEFAULT_FROM_EMAIL)
    return formataddr((SENDER, address)) if address and not name else django_settings.DEFAULT_FROM_EMAIL


def _call(alert: Alert, key: str) -> None:
    address = next((hook for hook in settings.ALERT_WEBHOOKS if _key(hook) == key), None)
    if address is None:
        raise NotSent(f"it is no longer in {PREFIX}ALERT_WEBHOOKS")
    post(address, json=dict(alert.fields))


def in_words(channel: Channel) -> str:
    """Whom it is told: addresses, or the host of a webhook."""
    names = ", ".join(map(str, channel["to"]))
    return names if channel["channel"] == "email" else f"webhook at {names}"


NOBODY = f"Nobody is told: set {PREFIX}ALERT_RECIPIENTS or {PREFIX}ALERT_WEBHOOKS."


def test_line(channel: Channel) -> str:
    """What happened to a test, as a sentence."""
    if channel["error"]:
        return _("%(who)s: not sent, %(why)s.") % {"who": in_words(channel), "why": channel["error"]}
    if channel["channel"] == "email":
        return _("%(who)s: sent, as the server of mail says.") % {"who": in_words(channel)}
    return _("%(who)s: taken.") % {"who": in_words(channel)}


def escaped(text: str) -> str:
    """A text in which no chat finds a command of its own, such as ``<!channel>``."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


Fields = dict[str, Any]
