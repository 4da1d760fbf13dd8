"""Whether things are still as a page showed them: one token, which the form sends back."""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.crypto import salted_hmac


def token_of(*shown: Any) -> str:
    """Stand for JSON values that a page shows, and tell nothing of them: the same values, the same token."""
    text = json.dumps(shown, sort_keys=True, cls=DjangoJSONEncoder)
    return salted_hmac(__name__, text, algorithm="sha256").hexdigest()[:20]
