"""Clicks by Socket Mode: a connection that we open, so no address of ours need be public.

Optional: everything works without it. Needs an app-level token (xapp-...) with the scope
`connections:write`. A click is stored first and answered then: what we fail to store, Slack
delivers again, and a click that comes twice is recognised by its id (`alerts/buttons.py`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from alerts.buttons import Click, parse_click
from alerts.outcomes import Verdict, verdict_of
from alerts.slack import DEFAULT_BASE_URL, NoAnswer, NotSent, slack_client
from extractors.errors import AlertError, UsageError

log = logging.getLogger(__name__)

_quiet = logging.getLogger("presswatch.slack_sdk.socket")
_quiet.setLevel(logging.CRITICAL + 1)  # it logs the connection's address, which is a ticket
_quiet.propagate = False


class Listener:
    """Takes clicks while it is open (`with Listener(...):`), one after the other.

    Args:
        app_token: the app-level token.
        base_url: Slack's Web API.
        on_click: called for each click, never for two at once. When it raises, the click is not
            answered, so that Slack repeats it.
    """

    def __init__(
        self,
        app_token: str,
        base_url: str = DEFAULT_BASE_URL,
        on_click: Callable[[Click], None] = lambda click: None,
    ) -> None:
        if not app_token.startswith("xapp-"):
            raise UsageError(
                "buttons need an app-level token: set SLACK_APP_TOKEN (xapp-..., scope "
                "connections:write), see docs/alerts.md"
            )
        self._on_click = on_click
        self._turn = threading.Lock()
        self._client = SocketModeClient(
            app_token=app_token,
            web_client=slack_client(app_token, base_url),
            logger=_quiet,
        )
        self._client.proxy = None
        self._client.socket_mode_request_listeners.append(self._take)

    def __repr__(self) -> str:
        return "<Listener>"

    def __enter__(self) -> Listener:
        try:
            self._client.connect()
        except (NotSent, NoAnswer) as error:
            self._client.close()
            raise AlertError(f"Slack cannot be reached for buttons ({error})") from None
        except SlackApiError as error:
            data: Any = getattr(error.response, "data", None)
            verdict: Verdict = verdict_of(200, {}, data)
            self._client.close()
            raise AlertError(
                f"Slack refused SLACK_APP_TOKEN ({verdict.error}): make an app-level token with "
                "the scope connections:write, and switch Socket Mode on",
                permanent=True,
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _take(self, client: Any, request: SocketModeRequest) -> None:
        if request.type == "interactive" and isinstance(request.payload, dict):
            with self._turn:
                try:
                    for click in parse_click(request.payload):
                        self._on_click(click)
                except Exception as error:
                    log.error("click not stored, Slack repeats it: %s", type(error).__name__)
                    return
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
