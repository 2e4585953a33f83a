"""Tell the operations channel when no run of presswatch succeeded for an hour.

    PREFECT_API_URL=http://127.0.0.1:4200/api SLACK_WEBHOOK_URL=https://hooks.slack.com/... \
        python deploy/automation.py [--silent-for 60]

In: a Prefect server (3.8 or newer) and an incoming webhook of Slack (or of a chat that takes the
same JSON).  Out: one webhook block and one automation on that server; called again, it replaces
them.  The address is stored in Prefect's database, encrypted, not here.  While the silence lasts,
the message comes again after the same time.

Why an automation and not presswatch itself: a process that is dead tells nobody.  Prefect's server
watches from outside.  Who runs `presswatch serve` without a server of its own watches `/healthz`
instead (docs/operations.md).

Prefect looks at whole windows, so it is told late rather than early: tried with one minute, the
message came 175 s after the last good run. Ask for half of what you can bear.

A run with broken feeds is `Completed` (flows/monitor.py), so this fires only when nothing works.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import timedelta

NAME = "presswatch: no run succeeded"
BLOCK = "presswatch-operations"


def install(webhook: str, silent_for: timedelta, *, private: bool = False) -> str:
    """Create or replace the automation; return its id.

    Args:
        webhook: address that takes a POST of `{"text": ...}`.
        silent_for: how long no run may have ended well.
        private: let the address lie in a private network.
    """
    from prefect.automations import Automation
    from prefect.blocks.webhook import Webhook
    from prefect.client.orchestration import get_client
    from prefect.events.actions import CallWebhook
    from prefect.events.schemas.automations import EventTrigger, Posture
    from pydantic import SecretStr

    block = Webhook(method="POST", url=SecretStr(webhook), allow_private_urls=private)
    block_id = block.save(BLOCK, overwrite=True)
    minutes = int(silent_for.total_seconds() // 60)
    automation = Automation(
        name=NAME,
        description=f"No run of presswatch ended well for {minutes} minutes.",
        trigger=EventTrigger(
            posture=Posture.Proactive,  # fires on what did not happen
            expect={"prefect.flow-run.Completed"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": "monitor"},
            after=set(),
            for_each=set(),
            threshold=1,
            within=silent_for,
        ),
        actions=[
            CallWebhook(
                block_document_id=block_id,
                payload=json.dumps(
                    {
                        "text": f"presswatch is silent: no run ended well for {minutes} minutes. "
                        "Look at `presswatch doctor` and at the last runs in Prefect's UI."
                    }
                ),
            )
        ],
    )
    with get_client(sync_client=True) as client:
        for old in client.read_automations_by_name(NAME):
            client.delete_automation(old.id)
    created = automation.create()
    return str(created.id)


def main() -> int:
    """Read the arguments and install the automation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--silent-for", type=int, default=60, metavar="MINUTES")
    parser.add_argument("--private", action="store_true", help="The chat is in our own network.")
    args = parser.parse_args()
    webhook = os.environ.get("SLACK_WEBHOOK_URL", "")
    if not webhook or not os.environ.get("PREFECT_API_URL"):
        parser.error("set SLACK_WEBHOOK_URL and PREFECT_API_URL")
    if args.silent_for < 1:
        parser.error("--silent-for: at least one minute")
    sys.stdout.write(
        install(webhook, timedelta(minutes=args.silent_for), private=args.private) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
