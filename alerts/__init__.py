"""Topics, alerts and Slack: which story is told to whom, exactly once."""
