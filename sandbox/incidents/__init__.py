"""Incidents as data, and how each is brought about: what `ops diagnose` is measured by.

    python -m sandbox.incidents                              # all of them
    python -m sandbox.incidents lock-on-orders -- ops diagnose

An incident is one YAML file in `development/` or `held_out/`, called like its `name`:

    name: lock-on-orders
    kind: database                # of its cause, as ops/diagnose/causes.py has it; `quiet` for none
    stack: full                   # dev, prod, or full: prod with a fleet, a cache and a replica
    title: A person's session holds a lock, and the services wait for it.
    causes: [{cause: database-locked, part: database}]   # two if there are two, none if all is well
    trigger: {source: cloudtrail, part: database}        # the change that set it off, if any
    hour: 10.5                    # of the day, which load follows
    seed: 7                       # of the noise of metrics
    steps:   [{do: hold-lock, at: 14m, ...}]
    metrics: [{do: slow-answers, at: 14m, until: 2m, service: backend, times: 60, ramp: 3}]
    logs:    [{do: log, at: 12m, part: backend, every: 20, lines: ["..."]}]
    events:  [{do: database-event, at: 40m, category: low storage, text: "..."}]
    noise:   [usual-logs, {do: denied, apis: [rds.describe_events]}]

Each item names something that may happen (`@happening` in `steps/` and `noise.py`: its docstring
says what it does, its keyword arguments are what the file says). The five lists are one list in the
order of time; they are apart for the reader. `at` and `until` are how long before the moment of the
diagnosis it begins and ends. `python -m sandbox.incidents.describe` prints all that there is.

How to write one, also the held-out ones:

- Begin with what happens to the stack, then ask of each look what AWS would show a person:
  metrics of every part that feels it, the services' and the database's own log lines, AWS's events
  in AWS's words, with the source beside a new step. Metrics first move where the cause is. Alarms
  are not written: they follow from the metrics by their own thresholds, and so does their history.
- Do what can be done really: a lock in the real database, a rule that is deleted, an image that
  crashes. Write only what the sandbox has no real thing for.
- Name the cause that a person can mend, not what it does to others. `causes` is what an experienced
  engineer would say with all of AWS to look at, not what a rule looks for: do not read
  `ops/diagnose/rules` or `ops/diagnose/readers` before you write.
- Add noise as there is at three in the morning: another alarm that came and went, an unrelated
  change, metrics that lag, a permission that is missing.

`staging.open_world` deploys a stack and lets it rest for days; `staging.stage_incident` brings an
incident about on it, which is done in a copy of the process, so that one deployment serves all.
`quiet_hours` makes hours in which nothing is wrong.
"""
