"""Tell the operations channel when no run succeeded for an hour; mark lost runs as Crashed.

    PREFECT_API_URL=http://127.0.0.1:4200/api SLACK_WEBHOOK_URL=https://hooks.slack.com/... \
        python deploy/automation.py [--silent-for 60]

In: a Prefect server (3.8 or newer) and an incoming webhook of Slack (or of a chat that takes the
same JSON).  Out: one webhook block and two automations on that server; called again, it replaces
them.  The address is stored in Prefect's database, encrypted, not here.  While the silence lasts,
the message comes again after the same time.

Why an automation and not presswatch itself: a process that is dead tells nobody.  Prefect's server
watches from outside.  Who runs `presswatch serve` without a server of its own watches `/healthz`
instead (docs/operations.md).

Prefect looks at whole windows, so it is told late rather than early: tried with one minute, the
message came 175 s after the last good run. Ask for half of what you can bear.

A run with broken feeds is `Completed` (flows/monitor.py), so this fires only when nothing works.

A run whose process was killed would stay `Running` for ever. The second automation goes by
heartbeats, which deploy/prefect.yaml asks the runs for, every 30 s.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import timedelta

NAME = "presswatch: no run succeeded"
LOST = "presswatch: a run was lost"
HEARTBEAT = "prefect.flow-run.heartbeat"
SILENT_RUN = timedelta(seconds=90)  # three heartbeats
BLOCK = "presswatch-operations"


def install(webhook: str, silent_for: timedelta, *, private: bool = False) -> str:
    """Create or replace the automations; return the id of the one that calls the webhook.

    Args:
        webhook: address that takes a POST of `{"text": ...}`.
        silent_for: how long no run may have ended well.
        private: let the address lie in a private network.
    """
    from prefect.automations import Automation
    from prefect.blocks.webhook import Webhook
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import CallWebhook, ChangeFlowRunState
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
    lost = Automation(
        name=LOST,
        description="A run gave no sign of life for 90 seconds: its process was killed.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={HEARTBEAT},
            expect={
                HEARTBEAT,
                *(f"prefect.flow-run.{s}" for s in ("Completed", "Failed", "Cancelled", "Crashed")),
            },
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": "monitor"},
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENT_RUN,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, message="No sign of life: its process was killed."
            )
        ],
    )
    with get_client(sync_client=True) as client:
        for name in (NAME, LOST):
            for old in client.read_automations_by_name(name):
                client.delete_automation(old.id)
    lost.create()
    return str(automation.create().id)


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
