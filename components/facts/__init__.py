"""Facts about the components' resources and alarms: plain data that `ops` can read, too.

`ops cost`, `ops preview-report`, the policy pack and the deploy role read what each AWS resource
type costs, holds and interrupts (`resource_types`); the facts of a component are in the module of
its name. `ops health` reads which command an alarm calls for (`alarm_commands`). `ops bootstrap`
and the settings accept the same regions (`regions`). Nothing here imports Pulumi.
"""
