"""What the lines of the runbook's pages are, for the test that types them."""

# A look may find something: here, what the page before has left behind.
FINDING_EXIT_CODES = (0, 3)

LOOKING_COMMANDS = (
    "audit --only",
    "health",
    "alarms list",
    "usage",
    "baseline compare",
    "changes",
    "certificate",
    "cost forecast",
    "cost report",
    "cost rightsizing",
    "cost unused",
    "cost unusual",
    "patch status",
    "rotate",
    "diagnose",
    "image findings",
    "quotas",
    "incident status",
    "incident report",
    "recover compare",
    "recover drill",
    "recover ready",
    "check",
    "slo report",
    "bootstrap check",
)

# Typed with a pretended Pulumi in tests/ops: test_rebuilding, test_states, test_deploying.
PULUMI_COMMANDS = (
    "ops deploy",
    "ops recover rebuild",
    "ops recover region",
    "ops state backup",
    "ops state drift",
    "ops state restore",
)

# Lines that the stack of these tests has no cause for, and what each says of it.
REFUSED_LINES = {
    "ops audit may user/ann": "there is no",
    "ops db snapshot copy --encrypt": "needs a snapshot without encryption",
    "ops image scan backend": "ECR scans an image once in 24 hours",
    "ops patch apply": "the newest AMI that AWS recommends",
    "ops patch apply --in-place": "no instance lacks a patch",
    "ops service": "the command ended with exit code 1",  # no image has app/
}

# What a reader's gh says of the repository, which is not here.
ADDED_OPTIONS = {"ops bootstrap ": ["--repository-ids", "1/2"]}
